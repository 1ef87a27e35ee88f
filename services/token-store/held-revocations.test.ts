import { describe, expect, it } from 'vitest';
import { shortenKey } from './client/revocation-keys.ts';
import { buildEntryLines, createHeldRevocations } from './held-revocations.ts';
import type { RevocationChanges } from './queries/revocation-changes.ts';

const hash = (byte: number) => Buffer.alloc(32, byte);
const key = (byte: number) => shortenKey(hash(byte));
const changes = (next: bigint, entries: [number, bigint, number][], clients: [string, number, bigint][] = []) =>
  ({
    database: 'd:1',
    next,
    entries: entries.map(([byte, xid, expiresAt]) => ({ kind: 'grant', keyHash: hash(byte), xid, expiresAt })),
    clients: clients.map(([clientId, epoch, xid]) => ({ clientId, epoch, xid })),
  }) satisfies RevocationChanges;

describe('held revocations', () => {
  it('of before a failover come with the whole, and when they are read they have a number here', () => {
    const held = createHeldRevocations('d:2', [['grant', key(1), 100]]);
    held.add(changes(5n, [[2, 4n, 100]]));
    expect(held.since(0n).entries).toEqual([
      ['grant', key(1), 100],
      ['grant', key(2), 100],
    ]);
    expect(held.since(1n).entries).toEqual([['grant', key(2), 100]]);
    held.add(changes(9n, [[1, 7n, 90]]));
    expect(held.since(5n).entries).toEqual([['grant', key(1), 100]]);
  });

  it('tell what is new, once, and again what lives longer', () => {
    const held = createHeldRevocations('d:1');
    expect(held.add(changes(5n, [[1, 3n, 100]], [['shop', 1, 4n]]))).toEqual({
      entries: [['grant', key(1), 100]],
      clientEpochs: [['shop', 1]],
    });
    expect(held.add(changes(5n, [[1, 3n, 100]], [['shop', 1, 4n]]))).toEqual({ entries: [], clientEpochs: [] });
    expect(
      held.add(
        changes(
          9n,
          [
            [1, 7n, 200],
            [2, 8n, 100],
          ],
          [['shop', 2, 8n]],
        ),
      ),
    ).toEqual({
      entries: [
        ['grant', key(1), 200],
        ['grant', key(2), 100],
      ],
      clientEpochs: [['shop', 2]],
    });
    expect(held.cursor()).toBe(9n);
  });

  it('give what is newer than a cursor', () => {
    const held = createHeldRevocations('d:1');
    held.add(
      changes(
        9n,
        [
          [1, 3n, 100],
          [2, 6n, 100],
        ],
        [
          ['shop', 1, 4n],
          ['mail', 1, 6n],
        ],
      ),
    );
    expect(held.since(6n)).toEqual({ entries: [['grant', key(2), 100]], clientEpochs: [['mail', 1]] });
    expect(held.since(0n).entries).toHaveLength(2);
  });

  it('forget what has expired, and no client', () => {
    const held = createHeldRevocations('d:1');
    held.add(
      changes(
        9n,
        [
          [1, 3n, 100],
          [2, 6n, 101],
        ],
        [['shop', 1, 4n]],
      ),
    );
    held.forgetExpired(100);
    expect(held.since(0n)).toEqual({ entries: [['grant', key(2), 101]], clientEpochs: [['shop', 1]] });
    expect(held.size()).toBe(1);
  });
});

describe('buildEntryLines', () => {
  it('makes no line of nothing, and many of much', () => {
    const progress = { cursor: '1', ageMilliseconds: 0 };
    expect(buildEntryLines({ entries: [], clientEpochs: [] }, progress)).toEqual([]);
    expect(buildEntryLines({ entries: [], clientEpochs: [['shop', 1]] }, progress)).toHaveLength(1);
    const entries = Array.from({ length: 4_001 }, (_, n): ['grant', string, number] => ['grant', String(n), 1]);
    const lines = buildEntryLines({ entries, clientEpochs: [['shop', 1]] }, progress);
    expect(lines.flatMap((line) => (line.type === 'entries' ? line.entries : []))).toEqual(entries);
    expect(lines.flatMap((line) => (line.type === 'entries' ? line.clientEpochs : []))).toEqual([['shop', 1]]);
    expect(lines).toHaveLength(3);
  });
});
