import { expect, it } from 'vitest';
import { shortChains } from './short-chains.ts';
import type { Transition } from './transition.ts';

const kinds = Object.keys({
  change: true,
  move: true,
  client: true,
  dismiss: true,
  rotate: true,
  misplace: true,
  restart: true,
  grow: true,
  squat: true,
  crowd: true,
  mute: true,
  upgrade: true,
  downgrade: true,
  drift: true,
  lose: true,
  recreate: true,
  crash: true,
  storm: true,
  lag: true,
  loss: true,
  wait: true,
} satisfies Record<Transition['kind'], true>);

it('are made of every kind of transition', () => {
  expect(new Set(shortChains.flat().map(({ kind }) => kind))).toEqual(new Set(kinds));
});

it.each([
  ['Ingress', '"ingress":{'],
  ['Gateway API', '"gatewayAPI":{'],
  ['cache', '"cache":{'],
  ['database by Secret', '"database":{"connection":{'],
  ['CloudNativePG', '"cloudNativePG":{'],
])('lead through a spec with: %s', (_what, written) => {
  expect(JSON.stringify(shortChains)).toContain(written);
});
