import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Clock } from './clock.ts';
import { KubernetesError } from './kubernetes-error.ts';
import type { KubernetesObject, LiveObject } from './kubernetes-object.ts';
import { type LeaderElectionOptions, type LeadershipTerm, runLeaderElection } from './leader-election.ts';
import { decideLease, nextLeaseRecord, nextLookMs } from './lease-record.ts';
import { FakeClock } from './testing/fake-clock.ts';
import { silentLog } from './testing/silent-log.ts';

describe('decideLease', () => {
  const held = { record: { holderIdentity: 'other', leaseDurationSeconds: 8 }, changedAt: 1_000 };
  test.each([
    { name: 'no lease', observed: undefined, now: 0, decision: 'create' },
    { name: 'ours', observed: { record: { holderIdentity: 'me' }, changedAt: 0 }, now: 99_999, decision: 'renew' },
    { name: 'released', observed: { record: { holderIdentity: '' }, changedAt: 0 }, now: 0, decision: 'acquire' },
    { name: 'another lives', observed: held, now: 9_000, decision: 'wait' },
    { name: 'another was silent for the whole duration', observed: held, now: 9_001, decision: 'acquire' },
    {
      name: 'another promised a longer lease',
      observed: { ...held, record: { ...held.record, leaseDurationSeconds: 15 } },
      now: 16_000,
      decision: 'wait',
    },
  ])('$name: $decision', ({ observed, now, decision }) => {
    expect(decideLease(observed, 'me', 8_000, now)).toBe(decision);
  });

  test.each([
    { name: 'far from the end', now: 2_000, delay: 1_100 },
    { name: 'shortly before it', now: 8_500, delay: 501 },
    { name: 'after it, when the last try failed', now: 9_500, delay: 1_100 },
  ])("looks at another's lease again $name: in $delay ms", ({ now, delay }) => {
    expect(nextLookMs(held, 8_000, 1_100, now)).toBe(delay);
    expect(nextLookMs(undefined, 8_000, 1_100, now)).toBe(1_100);
  });

  test('a change of holder counts as a transition, a renewal does not', () => {
    const first = nextLeaseRecord(undefined, 'a', 8_000, 0);
    expect(first).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 8, leaseTransitions: 0 });
    expect(first.renewTime).toBe('1970-01-01T00:00:00.000000Z');
    const renewed = nextLeaseRecord(first, 'a', 8_000, 1_000);
    expect(renewed).toMatchObject({ acquireTime: first.acquireTime, leaseTransitions: 0 });
    expect(nextLeaseRecord(renewed, 'b', 8_000, 2_000)).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });
});

/** One Lease behind an API server with optimistic locking. Requests take time, on the way there and back, or get lost. */
const createLeaseServer = (time: FakeClock) => {
  let lease: LiveObject | undefined;
  let version = 0;

  const store = (object: KubernetesObject): LiveObject => {
    version += 1;
    lease = {
      ...object,
      metadata: { ...object.metadata, name: 'lease', uid: 'uid', resourceVersion: String(version) },
    };
    return lease;
  };
  const conflict = (reason: string) => new KubernetesError({ message: reason, status: 409, reason });

  const call = <T>(latency: () => number, lose: () => boolean, signal: AbortSignal | undefined, work: () => T) =>
    new Promise<T>((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      if (lose()) return;
      time.schedule(latency(), () => {
        // It happens even when the caller has given up meanwhile.
        const outcome = (() => {
          try {
            const value = work();
            return () => resolve(value);
          } catch (error) {
            return () => reject(error);
          }
        })();
        if (!lose()) time.schedule(latency(), outcome);
      });
    });

  return {
    holder: () => (lease as { spec?: { holderIdentity?: string } } | undefined)?.spec?.holderIdentity,
    client: (latency: () => number, lose: () => boolean) =>
      ({
        get: (_, options) => call(latency, lose, options?.signal, () => lease),
        create: (object, options) =>
          call(latency, lose, options?.signal, () => {
            if (lease !== undefined) throw conflict('AlreadyExists');
            return store(object);
          }),
        replace: (object, options) =>
          call(latency, lose, options?.signal, () => {
            if (object.metadata.resourceVersion !== lease?.metadata.resourceVersion) throw conflict('Conflict');
            return store(object);
          }),
        // The fake answers what was stored; the callers of this test know its type.
      }) as LeaderElectionOptions['client'],
  };
};

/** A clock that starts elsewhere and runs at another pace than `time`. */
const skewed = (time: FakeClock, offset: number, rate: number): Clock => ({
  now: () => time.now() + offset,
  monotonic: () => offset + time.monotonic() * rate,
  schedule: (delayMs, callback) => time.schedule(delayMs / rate, callback),
});

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

const startCandidate = (
  time: FakeClock,
  server: ReturnType<typeof createLeaseServer>,
  identity: string,
  conditions: { offset?: number; rate?: number; latency?: () => number; lose?: () => boolean } = {},
) => {
  const { offset = 0, rate = 1, latency = () => 5, lose = () => false } = conditions;
  const stop = new AbortController();
  const terms: LeadershipTerm[] = [];
  const result = runLeaderElection({
    client: server.client(latency, lose),
    namespace: 'default',
    name: 'lease',
    identity,
    lead: (term) => {
      terms.push(term);
      return untilAborted(AbortSignal.any([term.lost, stop.signal]));
    },
    stop: stop.signal,
    clock: skewed(time, offset, rate),
    random: () => 0.5,
    log: silentLog,
  });
  return { stop, result, leads: () => terms.at(-1)?.mayWrite() ?? false, terms };
};

describe('runLeaderElection', () => {
  test('one leads, the other takes over at once when it is released', async () => {
    const time = new FakeClock();
    const server = createLeaseServer(time);
    const one = startCandidate(time, server, 'one');
    await time.advance(100);
    const two = startCandidate(time, server, 'two');
    await time.advance(60_000);
    expect([one.leads(), two.leads()]).toEqual([true, false]);
    one.stop.abort();
    await time.advance(2_000);
    expect(await one.result).toBe('stopped');
    expect([one.leads(), two.leads()]).toEqual([false, true]);
    two.stop.abort();
    await time.advance(100);
    expect(await two.result).toBe('stopped');
    expect(server.holder()).toBe('');
  });

  test('a leader cut off gives up after 5 s; the other takes over within 10 s of the cut', async () => {
    const time = new FakeClock();
    const server = createLeaseServer(time);
    let cut = false;
    const one = startCandidate(time, server, 'one', { lose: () => cut });
    await time.advance(100);
    const two = startCandidate(time, server, 'two');
    await time.advance(10_000);
    cut = true;
    await time.advance(5_000);
    expect(await one.result).toBe('lost');
    expect([one.leads(), two.leads()]).toEqual([false, false]);
    await time.advance(5_000);
    expect(two.leads()).toBe(true);
    two.stop.abort();
    await time.advance(100);
    await two.result;
  });

  test('whenever a leader dies, a standby leads within 9.2 s', async () => {
    // When the standby looks, between two renewals, and when the leader dies, ms.
    const moments = Array.from({ length: 12 }, (_, index) => index * 100);
    const later: string[] = [];
    for (const [look, death] of moments.flatMap((one) => moments.map((other) => [one, other] as const))) {
      const time = new FakeClock();
      const server = createLeaseServer(time);
      let dead = false;
      const one = startCandidate(time, server, 'one', { lose: () => dead });
      await time.advance(100 + look);
      const two = startCandidate(time, server, 'two');
      await time.advance(12_000 + death);
      dead = true;
      await time.advance(9_200);
      if (!two.leads()) later.push(`${look} ${death}`);
      two.stop.abort();
      await time.advance(1_000);
      await Promise.all([one.result, two.result]);
    }
    expect(later).toEqual([]);
  });

  test('a leader renews until its work has ended, and releases only then', async () => {
    const time = new FakeClock();
    const server = createLeaseServer(time);
    const work = Promise.withResolvers<void>();
    const stop = new AbortController();
    const result = runLeaderElection({
      client: server.client(
        () => 5,
        () => false,
      ),
      namespace: 'default',
      name: 'lease',
      identity: 'one',
      lead: () => work.promise,
      stop: stop.signal,
      clock: time,
      random: () => 0.5,
      log: silentLog,
    });
    await time.advance(1_000);
    stop.abort();
    await time.advance(30_000);
    expect(server.holder()).toBe('one');
    work.resolve();
    await time.advance(100);
    expect(await result).toBe('stopped');
    expect(server.holder()).toBe('');
  });

  test('releases also when its work ends while a renewal is under way', async () => {
    const time = new FakeClock();
    const server = createLeaseServer(time);
    const one = startCandidate(time, server, 'one', { latency: () => 400 });
    // Acquired after two requests there and back (1.6 s), renewing from 1.1 s later on for 0.8 s.
    await time.advance(1_600 + 1_100 + 100);
    expect(one.leads()).toBe(true);
    one.stop.abort();
    await time.advance(3_000);
    expect(await one.result).toBe('stopped');
    expect(server.holder()).toBe('');
    expect(one.leads()).toBe(false);
    expect(time.pending).toBe(0);
  });

  test('after a pause of the whole process it may not write, even before any timer has fired', async () => {
    const time = new FakeClock();
    const server = createLeaseServer(time);
    let frozenFor = 0;
    const clock: Clock = {
      now: () => time.now(),
      monotonic: () => time.monotonic() + frozenFor,
      schedule: (delayMs, callback) => time.schedule(delayMs, callback),
    };
    let term: LeadershipTerm | undefined;
    const result = runLeaderElection({
      client: server.client(
        () => 5,
        () => false,
      ),
      namespace: 'default',
      name: 'lease',
      identity: 'one',
      lead: (given) => {
        term = given;
        return untilAborted(given.lost);
      },
      stop: new AbortController().signal,
      clock,
      random: () => 0.5,
      log: silentLog,
    });
    await time.advance(1_000);
    expect(term?.mayWrite()).toBe(true);
    frozenFor = 6_000;
    expect(term?.mayWrite()).toBe(false);
    await time.advance(2_000);
    expect(await result).toBe('lost');
  });

  // The lease promises this as long as no clock runs 8/5 as fast as another.
  test('never two leaders at a time, whatever clocks and network do', async () => {
    const latency = fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 1, max: 200 }) },
      fc.integer({ min: 1, max: 4_000 }),
    );
    const conditions = fc.record({
      offset: fc.integer({ min: 0, max: 1_000_000 }),
      rate: fc.double({ min: 0.85, max: 1.25, noNaN: true }),
      latencies: fc.array(latency, { minLength: 1, maxLength: 12 }),
      // Out of reach of the API server, in either direction, from then on for so long (ms).
      cuts: fc.array(fc.record({ from: fc.nat(60_000), ms: fc.integer({ min: 500, max: 20_000 }) }), { maxLength: 3 }),
    });
    let takeOvers = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(conditions, { minLength: 2, maxLength: 4 }), async (all) => {
        const time = new FakeClock();
        const server = createLeaseServer(time);
        const candidates = new Map<number, ReturnType<typeof startCandidate>>();
        const leaders = new Set<number>();
        let over = false;
        const campaign = (index: number, { latencies, cuts, ...clock }: (typeof all)[number]): void => {
          let requests = 0;
          const candidate = startCandidate(time, server, `candidate-${index}`, {
            ...clock,
            latency: () => latencies[requests++ % latencies.length] ?? 5,
            lose: () => cuts.some(({ from, ms }) => time.monotonic() >= from && time.monotonic() < from + ms),
          });
          candidates.set(index, candidate);
          // The loser of a term comes back, as a restarted pod would.
          void candidate.result.then(() => (over ? undefined : campaign(index, { latencies, cuts, ...clock })));
        };
        for (const [index, each] of all.entries()) campaign(index, each);
        for (let step = 0; step < 600; step += 1) {
          await time.advance(100);
          const leading = [...candidates].filter(([, { leads }]) => leads()).map(([index]) => index);
          expect(leading.length).toBeLessThanOrEqual(1);
          for (const index of leading) leaders.add(index);
        }
        takeOvers += Math.max(0, leaders.size - 1);
        over = true;
        for (const { stop } of candidates.values()) stop.abort();
        await time.advance(30_000);
      }),
      { numRuns: 60 },
    );
    // Else nothing was shown.
    expect(takeOvers).toBeGreaterThan(5);
  }, 60_000);
});
