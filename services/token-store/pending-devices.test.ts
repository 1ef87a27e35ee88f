import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import type { FindResponse } from './contract.ts';
import type { DataKeyring } from './data-encryption-keys.ts';
import { type CacheRead, createPendingDevices } from './pending-devices.ts';

const key = randomBytes(32);
const keyring: DataKeyring = {
  sealing: { id: 'k1', key },
  find: (id) => (id === 'k1' ? key : undefined),
  hashUserCode: () => [key],
};
const request = { kind: 'device_code', by: 'id', value: 'd' } as const;
const pending = (more: Record<string, unknown> = {}): FindResponse => ({
  record: {
    kind: 'device_code',
    id: 'd',
    payload: more,
    expiresAt: new Date(600_000).toISOString(),
  },
  related: [],
});

const start = () => {
  const copies = new Map<string, Buffer>();
  const outcomes: CacheRead[] = [];
  let now = 0;
  const devices = createPendingDevices(
    {
      get: async (name) => copies.get(name),
      set: async (name, value) => void copies.set(name, value),
      delete: async (name) => void copies.delete(name),
    },
    { prefix: 'n/t', keyring: () => keyring, onRead: (read) => outcomes.push(read), clock: () => now },
  );
  return {
    devices,
    copies,
    outcomes,
    setClock: (to: number) => {
      now = to;
    },
  };
};

it('believes a copy for ten seconds, however long the cache keeps it', async () => {
  const { devices, outcomes, setClock } = start();
  await devices.find(request, async () => pending());
  setClock(9_999);
  expect(await devices.find(request, async () => pending({ grantId: 'g' }))).toEqual(pending());
  setClock(10_000);
  expect(await devices.find(request, async () => pending({ grantId: 'g' }))).toEqual(pending({ grantId: 'g' }));
  expect(outcomes).toEqual(['miss', 'hit', 'unusable']);
});

it('keeps no copy of what somebody has said yes to, of what was used or is not there, nor beyond its end', async () => {
  const { devices, copies, setClock } = start();
  await devices.find(request, async () => pending({ grantId: 'g' }));
  await devices.find(request, async () => ({ related: [] }));
  const [used] = [pending()];
  await devices.find(request, async () => ({
    ...used,
    record: used.record && { ...used.record, consumedAt: new Date(0).toISOString() },
  }));
  setClock(600_000);
  await devices.find(request, async () => pending());
  expect(copies.size).toBe(0);
});

it('forgets what a transaction has named, and looks nothing else up', async () => {
  const { devices, copies, outcomes } = start();
  await devices.find(request, async () => pending());
  await devices.find({ kind: 'device_code', by: 'user_code', value: 'd' }, async () => pending());
  await devices.find({ kind: 'refresh_token', by: 'id', value: 'd' }, async () => pending());
  expect([copies.size, outcomes]).toEqual([1, ['miss']]);
  await devices.forget([{ operation: 'consume', kind: 'refresh_token', id: 'd' }]);
  expect(copies.size).toBe(1);
  await devices.forget([{ operation: 'consume', kind: 'device_code', id: 'd' }]);
  expect(copies.size).toBe(0);
});
