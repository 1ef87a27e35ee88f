import { describe, expect, it } from 'vitest';
import type { Condition } from '../../api/conditions.ts';
import type { ObservedPod } from '../observed.ts';
import { summarize, type TenantVerdict } from '../status/tenant-verdicts.ts';
import { decideCacheReady, decideDatabaseReached } from './pods-word.ts';

const migrated: TenantVerdict = { type: 'DatabaseReady', status: 'True', reason: 'Migrated', message: 'it answers' };
const lost = { database: { reachable: false, error: 'ECONNREFUSED' } } as const;
const asCondition = (verdict: TenantVerdict): Condition => ({ ...verdict, lastTransitionTime: '2026-01-01T00:00:00Z' });

describe('DatabaseReady', () => {
  const told = decideDatabaseReached(migrated, lost, undefined, 'one', []);

  it('says that a migrated database was lost: work in progress, and nobody need change the tenant', () => {
    expect(told).toEqual({
      type: 'DatabaseReady',
      status: 'False',
      reason: 'DatabaseUnreachable',
      message:
        'the services do not reach the database (ECONNREFUSED); what needs it is answered with 503 until they do',
    });
    expect(summarize([told], 0).map(({ type, reason }) => [type, reason])).toEqual([
      ['Ready', 'DatabaseUnreachable'],
      ['Reconciling', 'DatabaseUnreachable'],
    ]);
    expect(decideDatabaseReached(migrated, { database: { reachable: true } }, asCondition(told), 'one', [])).toBe(
      migrated,
    );
  });

  it('says that the services refuse another database: somebody has to act', () => {
    const changed = decideDatabaseReached(
      migrated,
      { database: { reachable: false, error: 'DATABASE_CHANGED' } },
      undefined,
      'one',
      [],
    );
    expect(changed).toMatchObject({
      reason: 'DatabaseChanged',
      message: expect.stringMatching(
        /id one, or an empty one.*identity-operator\.io\/accept-database: its id, or empty$/,
      ),
    });
    expect(summarize([changed], 0).map(({ type }) => type)).toEqual(['Ready', 'Stalled']);
  });

  it('stays as it was told while the pods have not been asked again', () => {
    expect(decideDatabaseReached(migrated, undefined, asCondition(told), 'one', [])).toEqual(told);
    // What migrate told before it came to its end is over.
    const before = asCondition({ ...told, message: 'the database does not answer; it is tried again until it does' });
    expect(decideDatabaseReached(migrated, undefined, before, 'one', [])).toBe(migrated);
  });

  it('is not cured by silence', () => {
    const inSilence = {
      ...told,
      message: `${told.message}; no pod of theirs answers now, so that nobody has told of its return`,
    };
    for (const health of [{ silent: true } as const, { silent: true, ...lost } as const]) {
      const first = decideDatabaseReached(migrated, health, asCondition(told), 'one', []);
      expect(first).toEqual(inSilence);
      expect(decideDatabaseReached(migrated, health, asCondition(first), 'one', [])).toEqual(inSilence);
      expect(decideDatabaseReached(migrated, undefined, asCondition(first), 'one', [])).toEqual(inSilence);
    }
    expect(decideDatabaseReached(migrated, { silent: true }, undefined, 'one', [])).toBe(migrated);
    expect(decideDatabaseReached(migrated, {}, asCondition(told), 'one', [])).toBe(migrated);
  });

  it('is good again when pods of both services have started since, though they do not answer us', () => {
    const pod = (component: string, more: Partial<ObservedPod> = {}): ObservedPod => ({
      name: component,
      component,
      ready: true,
      terminating: false,
      createdAt: Date.parse('2026-01-01T00:00:01Z'),
      ...more,
    });
    const decide = (...pods: ObservedPod[]) =>
      decideDatabaseReached(migrated, { silent: true, ...lost }, asCondition(told), 'one', pods).status;
    const auth = pod('auth');
    expect(decide(auth, pod('token-store'))).toBe('True');
    expect(decide(auth, pod('gateway'))).toBe('False');
    expect(decide(auth, pod('token-store', { ready: false }))).toBe('False');
    expect(decide(auth, pod('token-store', { terminating: true }))).toBe('False');
    expect(decide(auth, pod('token-store', { createdAt: Date.parse('2026-01-01T00:00:00Z') }))).toBe('False');
    const answer = decideDatabaseReached(migrated, lost, asCondition(told), 'one', [auth, pod('token-store')]);
    expect(answer.status).toBe('False');
  });

  it('is what migrate says when that is worse', () => {
    const running: TenantVerdict = { ...migrated, status: 'False', reason: 'MigrationRunning' };
    expect(decideDatabaseReached(running, lost, undefined, 'one', [])).toBe(running);
  });
});

describe('CacheReady', () => {
  const away = { cache: { reachable: false, error: 'WRONGPASS' } } as const;

  it.each([
    ['NotConfigured', 'Unknown', decideCacheReady(false, away, undefined)],
    ['Waiting', 'Unknown', decideCacheReady(true, undefined, undefined)],
    ['Waiting', 'Unknown', decideCacheReady(true, { silent: true }, undefined)],
    ['Reachable', 'True', decideCacheReady(true, { cache: { reachable: true } }, undefined)],
    ['CacheUnreachable', 'False', decideCacheReady(true, away, undefined)],
  ])('is %s', (reason, status, verdict) => {
    expect(verdict).toMatchObject({ type: 'CacheReady', reason, status });
  });

  it('stays as it was told while the pods have not been asked again', () => {
    for (const health of [away, { cache: { reachable: true } } as const]) {
      const told = decideCacheReady(true, health, undefined);
      expect(decideCacheReady(true, undefined, asCondition(told))).toEqual(told);
    }
    expect(decideCacheReady(true, away, undefined).message).toContain('(WRONGPASS); they do without it');
  });
});
