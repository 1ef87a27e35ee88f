import { describe, expect, test } from 'vitest';
import { createEventRecorder, type EventRecorderOptions } from './event-recorder.ts';
import { KubernetesError } from './kubernetes-error.ts';
import { FakeClock } from './testing/fake-clock.ts';
import { silentLog } from './testing/silent-log.ts';

const about = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'thing', namespace: 'default', uid: 'uid', resourceVersion: '7' },
};
const event = { type: 'Normal', reason: 'Applied', message: 'the thing was applied' } as const;

const start = (answer: (verb: string) => void = () => undefined) => {
  const clock = new FakeClock();
  const writes: [verb: string, name: string, body: Record<string, unknown>][] = [];
  const client = {
    create: async (object: { metadata?: { name?: string } }) => {
      answer('create');
      writes.push(['create', object.metadata?.name ?? '', { ...object }]);
    },
    patchMerge: async (reference: { name: string }, patch: Record<string, unknown>) => {
      answer('patch');
      writes.push(['patch', reference.name, patch]);
    },
    // A fake of two verbs whose answers nobody reads.
  } as unknown as EventRecorderOptions['client'];
  const recorder = createEventRecorder({ client, component: 'tester', instance: 'tester-1', clock, log: silentLog });
  return { clock, writes, recorder };
};

describe('createEventRecorder', () => {
  test('the same event again raises the count of the first; another one does not', async () => {
    const { clock, writes, recorder } = start();
    recorder.record(about, event);
    recorder.record(about, event);
    clock.advanceSync(60_000);
    recorder.record(about, event);
    recorder.record(about, { ...event, reason: 'Other' });
    await recorder.flush();
    expect(writes.map(([verb, , body]) => [verb, body['count'], body['lastTimestamp']])).toEqual([
      ['create', 1, '2026-01-01T00:00:00Z'],
      ['patch', 2, '2026-01-01T00:00:00Z'],
      ['patch', 3, '2026-01-01T00:01:00Z'],
      ['create', 1, '2026-01-01T00:01:00Z'],
    ]);
    expect(writes[1]?.[1]).toBe(writes[0]?.[1]);
    expect(writes[0]?.[2]).toMatchObject({ involvedObject: { kind: 'ConfigMap', uid: 'uid' }, ...event });
  });

  test('after ten minutes it begins anew', async () => {
    const { clock, writes, recorder } = start();
    recorder.record(about, event);
    await recorder.flush();
    clock.advanceSync(10 * 60_000 + 1);
    recorder.record(about, event);
    await recorder.flush();
    expect(writes.map(([verb]) => verb)).toEqual(['create', 'create']);
    expect(writes[1]?.[1]).not.toBe(writes[0]?.[1]);
  });

  test('an event that expired on the server is made anew', async () => {
    const { writes, recorder } = start((verb) => {
      if (verb === 'patch') throw new KubernetesError({ message: 'gone', status: 404, reason: 'NotFound' });
    });
    recorder.record(about, event);
    recorder.record(about, event);
    await recorder.flush();
    expect(writes.map(([verb]) => verb)).toEqual(['create', 'create']);
  });

  test('an API server that hangs holds up neither the shutdown nor the memory', async () => {
    const clock = new FakeClock();
    let calls = 0;
    const hanging = () => {
      calls += 1;
      return new Promise<never>(() => undefined);
    };
    const client = { create: hanging, patchMerge: hanging };
    const recorder = createEventRecorder({ client, component: 'tester', instance: 'tester-1', clock, log: silentLog });
    for (let index = 0; index < 5_000; index += 1) recorder.record(about, event);
    const flushed = recorder.flush();
    await clock.advance(5_000);
    await flushed;
    expect(calls).toBe(1);
    expect(clock.pending).toBe(0);
  });

  test('a server that refuses never reaches the caller, and later events are tried again', async () => {
    let refuse = true;
    const { writes, recorder } = start(() => {
      if (refuse) throw new KubernetesError({ message: 'terminating', status: 403, reason: 'Forbidden' });
    });
    recorder.record(about, event);
    await recorder.flush();
    refuse = false;
    recorder.record(about, event);
    await recorder.flush();
    expect(writes.map(([verb]) => verb)).toEqual(['create']);
  });
});
