import { describe, expect, it } from 'vitest';
import { findIssuerHolder } from './issuer-holder.ts';

const claimant = (name: string, uid: string, creationTimestamp: string) => ({
  metadata: { name, namespace: 'shop', uid, creationTimestamp, resourceVersion: '1' },
});

const elder = claimant('elder', 'b', '2026-01-01T00:00:00Z');
const twin = claimant('twin', 'c', '2026-01-01T00:00:00Z');
const younger = claimant('younger', 'a', '2026-01-01T00:00:01Z');
const all = [younger, twin, elder];

describe('the holder of an issuer', () => {
  it.each([
    ['the eldest holds it', elder, all, undefined],
    ['the younger is told of the eldest', younger, all, 'shop/elder'],
    ['of the same second, the UID decides', twin, all, 'shop/elder'],
    ['the next one holds it when the eldest is gone', twin, [younger, twin], undefined],
    ['a tenant that the cache does not know yet counts itself', younger, [], undefined],
  ] as const)('%s', (_case, tenant, claimants, holder) => {
    expect(findIssuerHolder(tenant, claimants)).toBe(holder);
  });
});
