import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FakeClock, settle } from './testing/fake-clock.ts';
import { WorkQueue } from './work-queue.ts';

const createQueue = () => {
  const clock = new FakeClock();
  const queue = new WorkQueue({ clock, random: () => 0.5, backoff: { baseMs: 100, maxMs: 1_000 } });
  return { clock, queue };
};

describe('WorkQueue', () => {
  test('a key waits once, however often it is added', async () => {
    const { queue } = createQueue();
    queue.add('a');
    queue.add('b');
    queue.add('a');
    expect(queue.depth).toBe(2);
    expect([await queue.take(), await queue.take()]).toEqual(['a', 'b']);
    expect(queue.depth).toBe(0);
  });

  test('a key added while it is worked on waits again after done', async () => {
    const { queue } = createQueue();
    queue.add('a');
    await queue.take();
    queue.add('a');
    expect(queue.depth).toBe(0);
    queue.done('a');
    expect(await queue.take()).toBe('a');
  });

  test('changes go before resyncs, and a resync that changes is raised', async () => {
    const { queue } = createQueue();
    for (const key of ['low1', 'low2', 'low3']) queue.add(key, 'low');
    queue.add('change');
    queue.add('low3', 'normal');
    expect([await queue.take(), await queue.take(), await queue.take()]).toEqual(['change', 'low3', 'low1']);
  });

  test('a steady stream of changes does not starve a resync', async () => {
    const { queue } = createQueue();
    queue.add('resync', 'low');
    const taken: (string | undefined)[] = [];
    for (let turn = 0; turn < 8; turn += 1) {
      queue.add(`change${turn}`);
      queue.add(`other${turn}`);
      taken.push(await queue.take());
    }
    expect(taken).toContain('resync');
  });

  test('what is urgent goes first, and starves neither level below it', async () => {
    const { queue } = createQueue();
    queue.add('resync', 'low');
    queue.add('new');
    const taken: (string | undefined)[] = [];
    for (let turn = 0; turn < 8; turn += 1) {
      queue.add(`change${turn}`, 'urgent');
      queue.add(`other${turn}`, 'urgent');
      taken.push(await queue.take());
    }
    expect(taken.slice(0, 3)).toEqual(['change0', 'other0', 'change1']);
    expect(taken).toEqual(expect.arrayContaining(['resync', 'new']));
  });

  test('a worker for what is urgent takes nothing else, and is there at once', async () => {
    const { queue } = createQueue();
    queue.add('new');
    const urgent = queue.takeUrgent();
    queue.add('resync', 'low');
    await settle();
    expect(queue.depth).toBe(2);
    queue.add('resync', 'urgent');
    expect(await urgent).toBe('resync');
    expect(await queue.take()).toBe('new');
  });

  test('one that changes all the time waits behind the others of its level', async () => {
    const { queue } = createQueue();
    for (const key of ['busy', 'a', 'b']) queue.add(key);
    const taken: (string | undefined)[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const key = (await queue.take()) ?? '';
      queue.add('busy');
      queue.done(key);
      taken.push(key);
    }
    expect(taken).toEqual(['busy', 'a', 'b']);
  });

  test('what says nothing new leaves a key that failed in its backoff, also while it is worked on', async () => {
    const { clock, queue } = createQueue();
    queue.add('key');
    await queue.take();
    queue.add('key', 'low');
    queue.addAfterFailure('key');
    queue.done('key');
    expect(queue.depth).toBe(0);
    queue.add('key', 'low');
    expect(queue.depth).toBe(0);
    clock.advanceSync(75);
    expect(await queue.take()).toBe('key');
    queue.addAfterFailure('key');
    queue.done('key');
    queue.add('key', 'normal');
    expect(queue.depth).toBe(1);
  });

  test('after a success even that is done', async () => {
    const { queue } = createQueue();
    queue.add('key');
    await queue.take();
    queue.add('key', 'low');
    queue.addAfter('key', 60_000);
    queue.done('key');
    expect(queue.depth).toBe(1);
  });

  test('of several delays the earliest counts, and taking the key drops it', async () => {
    const { clock, queue } = createQueue();
    queue.addAfter('a', 500);
    queue.addAfter('a', 200);
    queue.addAfter('a', 300);
    clock.advanceSync(199);
    expect(queue.depth).toBe(0);
    clock.advanceSync(1);
    expect(queue.depth).toBe(1);
    queue.addAfter('a', 50);
    await queue.take();
    queue.done('a');
    clock.advanceSync(1_000);
    expect(queue.depth).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test('failures back off twice as long each time up to the limit, until forgotten', () => {
    const { clock, queue } = createQueue();
    const delays = [75, 150, 300, 600, 750, 750];
    for (const [index, delay] of delays.entries()) {
      queue.addAfterFailure(`key`);
      expect(queue.failures('key')).toBe(index + 1);
      clock.advanceSync(delay - 1);
      expect(queue.depth).toBe(0);
      clock.advanceSync(1);
      expect(queue.depth).toBe(1);
      void queue.take();
      queue.done('key');
    }
    queue.forget('key');
    queue.addAfterFailure('key', 400);
    clock.advanceSync(399);
    expect(queue.depth).toBe(0);
    clock.advanceSync(1);
    expect(queue.depth).toBe(1);
  });

  test('shutting down wakes those who wait and leaves no timer', async () => {
    const { clock, queue } = createQueue();
    const takers = [queue.take(), queue.take()];
    queue.addAfter('later', 100);
    await settle();
    queue.shutDown();
    expect(await Promise.all(takers)).toEqual([undefined, undefined]);
    expect(clock.pending).toBe(0);
    queue.add('a');
    expect(await queue.take()).toBeUndefined();
  });

  // What a queue is for: whatever happens, no key is worked on twice at once, and work asked for is done.
  test('never hands a key out twice at once and never loses one', async () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const command = fc.oneof(
      fc.record({
        type: fc.constant('add' as const),
        key,
        priority: fc.constantFrom('urgent' as const, 'normal' as const, 'low' as const),
      }),
      fc.record({ type: fc.constant('addAfter' as const), key, ms: fc.nat(500) }),
      fc.record({ type: fc.constant('fail' as const), key }),
      fc.record({ type: fc.constant('take' as const) }),
      fc.record({ type: fc.constant('done' as const), index: fc.nat(3) }),
      fc.record({ type: fc.constant('advance' as const), ms: fc.nat(300) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60, size: 'max' }), async (commands) => {
        const { clock, queue } = createQueue();
        const working = new Set<string>();
        const owed = new Set<string>();
        const take = async (): Promise<void> => {
          const taken = await queue.take();
          if (taken === undefined) throw new Error('not shut down');
          expect(working.has(taken)).toBe(false);
          working.add(taken);
          owed.delete(taken);
        };
        for (const each of commands) {
          if (each.type === 'add') queue.add(each.key, each.priority);
          if (each.type === 'addAfter') queue.addAfter(each.key, each.ms);
          if (each.type === 'fail') queue.addAfterFailure(each.key);
          if (each.type === 'add' || each.type === 'addAfter' || each.type === 'fail') owed.add(each.key);
          if (each.type === 'advance') clock.advanceSync(each.ms);
          if (each.type === 'take' && queue.depth > 0) await take();
          if (each.type === 'done') {
            const finished = [...working][each.index];
            if (finished === undefined) continue;
            working.delete(finished);
            queue.done(finished);
          }
        }
        for (const each of working) queue.done(each);
        working.clear();
        clock.advanceSync(2_000);
        while (queue.depth > 0) await take();
        expect([...owed]).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
