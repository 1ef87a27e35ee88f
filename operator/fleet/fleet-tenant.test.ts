import { describe, expect, it } from 'vitest';
import { apiVersion } from '../api/group.ts';
import { parseFleetTenant } from './fleet-tenant.ts';

/** A tenant of generation 2, with a Ready of it or of an earlier one. */
const tenantWith = (ready: { status: string; reason: string; observedGeneration: number }) =>
  parseFleetTenant({
    apiVersion,
    kind: 'IdentityTenant',
    metadata: { name: 'acme', namespace: 'shop', uid: 'u', resourceVersion: '1', generation: 2 },
    ...{ spec: {}, status: { conditions: [{ type: 'Ready', lastTransitionTime: '2026-01-01T00:00:00Z', ...ready }] } },
  });

describe('a tenant may begin its turn', () => {
  const since = Date.parse('2026-01-01T00:00:00Z');

  it.each([
    ['when it is Ready', { status: 'True', reason: 'AllAvailable', observedGeneration: 2 }, true, undefined],
    [
      'when that is all it waits for',
      { status: 'Unknown', reason: 'WaitingForTurn', observedGeneration: 2 },
      true,
      undefined,
    ],
    [
      'not before its last change was seen',
      { status: 'True', reason: 'AllAvailable', observedGeneration: 1 },
      false,
      undefined,
    ],
    [
      'not while it waits for anything else',
      { status: 'False', reason: 'Progressing', observedGeneration: 2 },
      false,
      since,
    ],
  ] as const)('%s', (_when, condition, ready, notReadySince) => {
    expect(tenantWith(condition)).toMatchObject({ ready, notReadySince });
  });
});
