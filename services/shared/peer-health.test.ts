import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  comparePeerHealth,
  isWorthWaitingFor,
  newPeerHealth,
  nextPeerHealth,
  type PeerEvent,
  type PeerHealth,
  type PeerState,
} from './peer-health.ts';

const never = Number.POSITIVE_INFINITY;
const health = (state: PeerState, failures = 0, probeAt = never): PeerHealth => ({ state, failures, probeAt });
const events: readonly PeerEvent[] = [
  'connected',
  'connect_slow',
  'connect_failed',
  'answered',
  'asked_to_leave',
  'request_failed',
];

describe('what is known of an address', () => {
  const now = 100_000;
  it.each<[string, PeerHealth, PeerEvent, PeerHealth]>([
    ['a new one is tried at once', newPeerHealth(now), 'connect_failed', health('ejected', 1, now + 500)],
    ['a new one that accepts', newPeerHealth(now), 'connected', health('proven')],
    ['one that is slow may be so for once', health('proven'), 'connect_slow', health('unproven')],
    ['a slow one that accepts at last', health('unproven'), 'connected', health('proven')],
    ['a slow one that does not', health('unproven'), 'connect_failed', health('ejected', 1, now + 500)],
    ['one that fails again', health('ejected', 3, now), 'connect_failed', health('ejected', 4, now + 4_000)],
    ['one that fails for long', health('ejected', 30, now), 'connect_failed', health('ejected', 31, now + 10_000)],
    ['one that breaks off', health('proven'), 'request_failed', health('ejected', 1, now + 2_000)],
    ['one that breaks off for ever', health('proven', 30), 'request_failed', health('ejected', 31, now + 30_000)],
    ['many failures at once are one', health('ejected', 1, now + 1), 'connect_failed', health('ejected', 1, now + 1)],
    ['what was under way when it failed', health('ejected', 1, now + 1), 'connected', health('ejected', 1, now + 1)],
    ['an ejected one that accepts', health('ejected', 2, now), 'connected', health('proven', 2)],
    ['an ejected one that answers', health('ejected', 2, now + 1), 'answered', health('proven')],
    ['failures count until it answers', health('proven', 2), 'request_failed', health('ejected', 3, now + 8_000)],
    ['one that drains', health('proven', 1), 'asked_to_leave', health('leaving', 0, now + 12_000)],
    ['its answers go on', health('leaving', 0, now + 1), 'answered', health('leaving', 0, now + 1)],
    ['it still accepts', health('leaving', 0, now + 1), 'connected', health('leaving', 0, now + 1)],
    ['it accepts no more', health('leaving', 0, now + 1), 'connect_failed', health('ejected', 1, now + 500)],
    ['it has started anew', health('leaving', 0, now), 'connected', health('proven')],
  ])('%s', (_what, before, event, after) => {
    expect(nextPeerHealth(before, event, now)).toEqual(after);
  });

  it('whatever has happened, one that works again is used again', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...events), fc.nat(5_000))), (history) => {
        let now = 0;
        const last = history.reduce((state, [event, after]) => {
          now += after;
          return nextPeerHealth(state, event, now);
        }, newPeerHealth(0));
        // By the probe, whose time is never further away than the longest pause; a connection that is being made needs none.
        if (last.probeAt !== never) expect(last.probeAt).toBeLessThanOrEqual(now + 30_000);
        else expect(['proven', 'unproven']).toContain(last.state);
        const later = last.probeAt === never ? now : Math.max(now, last.probeAt);
        expect(nextPeerHealth(last, 'connected', later).state).toBe('proven');
      }),
    );
  });
});

describe('which address a request goes to', () => {
  it('one that works before one that leaves, that before one nobody knows, one that failed last', () => {
    const states: PeerState[] = ['ejected', 'unproven', 'proven', 'leaving'];
    const inOrder = states.map((state) => health(state)).sort(comparePeerHealth);
    expect(inOrder.map(({ state }) => state)).toEqual(['proven', 'leaving', 'unproven', 'ejected']);
  });

  it.each<[PeerState, PeerState[], boolean]>([
    ['proven', [], true],
    ['proven', ['unproven', 'ejected'], true],
    ['proven', ['proven'], false],
    ['proven', ['leaving'], false],
    ['leaving', ['unproven'], true],
    ['leaving', ['proven'], false],
    // The ClusterIP is as good as it.
    ['unproven', [], false],
    ['unproven', ['unproven'], false],
    // The last resort.
    ['ejected', ['ejected'], true],
  ])('%s beside %j: worth waiting for: %s', (state, others, expected) => {
    expect(
      isWorthWaitingFor(
        health(state),
        others.map((other) => health(other)),
      ),
    ).toBe(expected);
  });
});
