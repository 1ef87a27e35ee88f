import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Component } from '../../manifests/blueprint.ts';
import { planRollout, type ServiceRun } from './rollout-order.ts';

/** `0.1.0` is completely rolled out, `0.1.0~` is not, `-` is not there. */
const parseRun = (text: string): ServiceRun =>
  text === '-'
    ? { version: undefined, complete: false }
    : { version: text.replace('~', ''), complete: !text.endsWith('~') };

const runsOf = (store: string, auth: string, gateway: string) => ({
  'token-store': parseRun(store),
  auth: parseRun(auth),
  gateway: parseRun(gateway),
});

describe('the order in which services change their version', () => {
  it.each([
    // token-store, auth, gateway, target, direction, may change now
    ['nothing runs', '-', '-', '-', '0.2.0', 'none', 'token-store auth gateway'],
    ['all run the target', '0.2.0', '0.2.0', '0.2.0', '0.2.0', 'none', 'token-store auth gateway'],
    ['settings roll: no order', '0.2.0~', '0.2.0~', '0.2.0', '0.2.0', 'none', 'token-store auth gateway'],
    ['up: the store first', '0.1.0', '0.1.0', '0.1.0', '0.2.0', 'up', 'token-store'],
    ['up: the store rolls', '0.2.0~', '0.1.0', '0.1.0', '0.2.0', 'up', 'token-store'],
    ['up: auth when the store is done', '0.2.0', '0.1.0', '0.1.0', '0.2.0', 'up', 'token-store auth'],
    ['up: the store falls ill again', '0.2.0~', '0.2.0', '0.1.0', '0.2.0', 'up', 'token-store auth'],
    ['up: the gateway last', '0.2.0', '0.2.0', '0.1.0', '0.2.0', 'up', 'token-store auth gateway'],
    ['down: the gateway first', '0.2.0', '0.2.0', '0.2.0', '0.1.0', 'down', 'gateway'],
    ['down: auth when the gateway is done', '0.2.0', '0.2.0', '0.1.0', '0.1.0', 'down', 'auth gateway'],
    ['an upgrade that is taken back', '0.2.0~', '0.1.0', '0.1.0', '0.1.0', 'down', 'token-store auth gateway'],
    ['what was deleted meanwhile comes at once', '0.1.0', '-', '0.1.0', '0.2.0', 'up', 'token-store auth'],
  ] as const)('%s', (_case, store, auth, gateway, target, direction, open) => {
    const rollout = planRollout(runsOf(store, auth, gateway), target);
    expect([rollout.direction, rollout.open.join(' ')]).toEqual([direction, open]);
  });

  it('always ends, from wherever it starts, and no caller is ever newer than what it calls', () => {
    const version = fc.constantFrom('0.1.0', '0.2.0');
    fc.assert(
      fc.property(version, version, version, (from, between, target) => {
        // Taken from one version to another, stopped anywhere, and sent to a third.
        let runs: Record<Component, ServiceRun> = runsOf(from, from, from);
        const rank = (component: Component) => Number(runs[component].version === '0.2.0');
        const advance = (to: string, steps: number) => {
          for (let step = 0; step < steps; step += 1) {
            const { open } = planRollout(runs, to);
            for (const component of open) runs = { ...runs, [component]: { version: to, complete: true } };
            expect(rank('token-store')).toBeGreaterThanOrEqual(rank('auth'));
            expect(rank('auth')).toBeGreaterThanOrEqual(rank('gateway'));
          }
        };
        advance(between, 2);
        advance(target, 3);
        expect(Object.values(runs).map((run) => run.version)).toEqual([target, target, target]);
      }),
    );
  });
});
