import { describe, expect, test } from 'vitest';
import { type Reconcile, type ReconcileOutcome, type ReconcileResult, runController } from './controller.ts';
import { KubernetesError } from './kubernetes-error.ts';
import { FakeClock, settle } from './testing/fake-clock.ts';
import { silentLog } from './testing/silent-log.ts';
import { WorkQueue } from './work-queue.ts';

const start = (reconcile: Reconcile, concurrency = 1, reserved = 0) => {
  const clock = new FakeClock();
  const queue = new WorkQueue({ clock, random: () => 1, backoff: { baseMs: 100, maxMs: 1_000 } });
  const stop = new AbortController();
  const abort = new AbortController();
  const outcomes: ReconcileOutcome[] = [];
  const running = runController({
    name: 'test',
    queue,
    reconcile,
    concurrency,
    reserved,
    timeoutMs: 5_000,
    stop: stop.signal,
    abort: abort.signal,
    clock,
    log: silentLog,
    observer: { reconciled: (outcome) => outcomes.push(outcome), activeWorkers: () => undefined },
  });
  return { clock, queue, stop, abort, outcomes, running };
};

describe('runController', () => {
  test('comes back after requeueAfter and not otherwise', async () => {
    let runs = 0;
    const { clock, queue, stop, outcomes, running } = start(async () => {
      runs += 1;
      return runs === 1 ? { requeueAfter: 1_000 } : {};
    });
    queue.add('key');
    await clock.advance(999);
    expect(runs).toBe(1);
    await clock.advance(10_000);
    expect(runs).toBe(2);
    expect(outcomes).toEqual(['requeue_after', 'success']);
    stop.abort();
    await running;
  });

  test('what is urgent does not wait for others to end', async () => {
    const begun: string[] = [];
    const { queue, abort, running } = start(
      async (key, signal) => {
        begun.push(key);
        if (key.startsWith('new')) await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return {};
      },
      3,
      1,
    );
    for (const key of ['new1', 'new2', 'new3']) queue.add(key);
    await settle();
    expect(begun).toEqual(['new1', 'new2']);
    queue.add('change', 'urgent');
    await settle();
    expect(begun).toEqual(['new1', 'new2', 'change']);
    abort.abort(new Error('the test is over'));
    await running;
  });

  test('a key whose peer does not answer comes back later each time, until it answers', async () => {
    const answers: ReconcileResult[] = [{ backOff: true }, { backOff: true }, {}, { backOff: true }];
    const { clock, queue, stop, outcomes, running } = start(async () => answers.shift() ?? {});
    queue.add('key');
    await clock.advance(100);
    expect(answers).toHaveLength(2);
    await clock.advance(199);
    expect(answers).toHaveLength(2);
    await clock.advance(1);
    expect(outcomes).toEqual(['requeue_after', 'requeue_after', 'success']);
    queue.add('key');
    await clock.advance(100);
    expect(outcomes).toHaveLength(5);
    stop.abort();
    await running;
  });

  test('a failing key backs off and hinders no other', async () => {
    const runs: string[] = [];
    const { clock, queue, stop, running } = start((key) => {
      runs.push(key);
      // A synchronous throw, as a bug in a reconcile would be.
      if (key === 'bad') throw new TypeError('cannot read properties of undefined');
      return Promise.resolve({});
    });
    queue.add('bad');
    queue.add('good');
    await clock.advance(350);
    expect(runs).toEqual(['bad', 'good', 'bad', 'bad']);
    expect(queue.failures('bad')).toBe(3);
    stop.abort();
    await running;
  });

  test('waits as long as the API server asks', async () => {
    let runs = 0;
    const { clock, queue, stop, running } = start(() => {
      runs += 1;
      throw new KubernetesError({ message: 'busy', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 7 });
    });
    queue.add('key');
    await clock.advance(6_900);
    expect(runs).toBe(1);
    await clock.advance(200);
    expect(runs).toBe(2);
    stop.abort();
    await running;
  });

  test('a reconcile that hangs is aborted, frees its worker, and never runs twice at once', async () => {
    const hanging = Promise.withResolvers<Record<string, never>>();
    const runs: string[] = [];
    let signalled = false;
    const { clock, queue, stop, running, outcomes } = start((key, signal) => {
      runs.push(key);
      if (key !== 'stuck') return Promise.resolve({});
      signal.addEventListener('abort', () => {
        signalled = true;
      });
      return hanging.promise;
    });
    queue.add('stuck');
    queue.add('good');
    await clock.advance(4_999);
    expect(runs).toEqual(['stuck']);
    await clock.advance(1);
    expect(signalled).toBe(true);
    expect(outcomes).toEqual(['error', 'success']);
    await clock.advance(60_000);
    expect(runs).toEqual(['stuck', 'good']);
    hanging.resolve({});
    await clock.advance(60_000);
    expect(runs[2]).toBe('stuck');
    stop.abort();
    await running;
  });

  test('stop lets those in flight finish and takes no more', async () => {
    const inFlight = Promise.withResolvers<Record<string, never>>();
    const runs: string[] = [];
    const { queue, stop, running } = start((key) => {
      runs.push(key);
      return inFlight.promise;
    });
    queue.add('a');
    queue.add('b');
    await settle();
    stop.abort();
    let ended = false;
    const end = running.then(() => {
      ended = true;
    });
    await settle();
    expect(ended).toBe(false);
    inFlight.resolve({});
    await end;
    expect(runs).toEqual(['a']);
  });

  test('abort cuts short what is in flight', async () => {
    const { queue, abort, running } = start(() => new Promise(() => undefined), 2);
    queue.add('a');
    queue.add('b');
    await settle();
    abort.abort(new Error('leadership lost'));
    await running;
  });

  test('works on as many keys at a time as it may', async () => {
    const gate = Promise.withResolvers<Record<string, never>>();
    let active = 0;
    let most = 0;
    const { clock, queue, stop, running } = start(async () => {
      active += 1;
      most = Math.max(most, active);
      await gate.promise;
      active -= 1;
      return {};
    }, 3);
    for (let index = 0; index < 10; index += 1) queue.add(`key${index}`);
    await settle();
    expect(most).toBe(3);
    gate.resolve({});
    await clock.advance(1);
    expect(most).toBe(3);
    expect(queue.depth).toBe(0);
    stop.abort();
    await running;
  });
});
