import { expect, it } from 'vitest';
import type { Transition } from './transition.ts';
import { firstWish, nextWish, type Wish } from './wish.ts';

const after = (...transitions: readonly Transition[]): Wish => transitions.reduce(nextWish, firstWish);

it('is the same after what only happens', () => {
  expect(after({ kind: 'storm', seed: 1 }, { kind: 'recreate' }, { kind: 'misplace', belonging: 'cache Secret' })).toBe(
    firstWish,
  );
});

it('holds a tenant that has moved to another database, paused only when it was', () => {
  const move: Transition = { kind: 'move', spec: { database: { cloudNativePG: { clusterName: 'main' } } } };
  const database = { cloudNativePG: { clusterName: 'main' } };
  expect(after(move).spec).toEqual({ ...firstWish.spec, database, paused: false });
  expect(after({ kind: 'change', spec: { paused: true } }, move).spec).toMatchObject({ database, paused: true });
});

it('holds clients as they were changed, and none that was dismissed', () => {
  const name = 'app';
  const shop: Transition = { kind: 'client', name, spec: { displayName: 'Shop' } };
  const open: Transition = { kind: 'client', name, spec: { tokenEndpointAuthMethod: 'none' } };
  expect(after(shop, open).clients).toEqual({
    app: expect.objectContaining({ displayName: 'Shop', tokenEndpointAuthMethod: 'none' }),
  });
  expect(after(shop, { kind: 'dismiss', name }).clients).toEqual({});
  // One that is made again begins anew.
  expect(after(shop, { kind: 'dismiss', name }, open).clients[name]).not.toHaveProperty('displayName');
});

it('counts editions, and ends with the release that came last', () => {
  const rotate: Transition = { kind: 'rotate', belonging: 'cache Secret' };
  expect(after(rotate, rotate, { kind: 'upgrade' })).toMatchObject({
    editions: { 'cache Secret': 2 },
    release: 'next',
  });
  expect(after({ kind: 'upgrade' }, { kind: 'downgrade' }).release).toBe('first');
});

it('holds a restart, and a larger volume where there is one', () => {
  const grow: Transition = { kind: 'grow' };
  const move: Transition = { kind: 'move', spec: { database: { cloudNativePG: { clusterName: 'main' } } } };
  expect(after(grow).spec['database']).toEqual({ managed: { storage: '20Gi' } });
  expect(after(move, grow)).toEqual(after(move));
  expect(after({ kind: 'restart', value: 'once' }, { kind: 'restart', value: 'twice' }).annotations).toEqual({
    'identity-operator.io/restart': 'twice',
  });
});
