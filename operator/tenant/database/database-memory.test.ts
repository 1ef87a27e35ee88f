import { describe, expect, it } from 'vitest';
import type { MigrationReport } from '../../../services/shared/contracts/migration-report.ts';
import { annotations } from '../../api/group.ts';
import { buildTenant, buildTestBlueprint } from '../../testing/tenants.ts';
import type { Observed } from '../observed.ts';
import { planDatabaseMemory } from './database-memory.ts';
import { rememberedDatabase } from './database-sources.ts';

const found = (databaseId: string): MigrationReport => ({
  outcome: 'migrated',
  schemaVersion: '1',
  applied: [],
  databaseId,
});

/** @param word of the user's annotation, and the one that has been handled. */
const observe = (id: string | undefined, { word = '', handled = '', status = '' } = {}) => {
  const tenant = buildTenant({}, { annotations: word === '' ? {} : { [annotations.acceptDatabase]: word } });
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: 'acme-database-credentials',
      uid: 'u',
      resourceVersion: '1',
      annotations: handled === '' ? {} : { [annotations.acceptedDatabase]: handled },
    },
    entries: id === undefined ? {} : { 'database-id': id },
  };
  return {
    tenant: status === '' ? tenant : { ...tenant, status: { database: { id: status } } },
    secrets: new Map([[secret.metadata.name, secret]]),
  } satisfies Pick<Observed, 'tenant' | 'secrets'>;
};
const blueprint = buildTestBlueprint(buildTenant({}));
const plan = (observed: ReturnType<typeof observe>, report?: MigrationReport) => {
  const memory = planDatabaseMemory(observed, blueprint, report);
  return memory === undefined ? undefined : { ...memory.entries, ...memory.annotations };
};
const accepted = annotations.acceptedDatabase;

describe('the memory of a database', () => {
  it.each([
    ['nothing before the first migration', observe(undefined), undefined, undefined],
    ['the id of the first migration', observe(undefined), found('a'), { 'database-id': 'a' }],
    ['nothing new', observe('a'), found('a'), undefined],
    ['what only the status has', observe(undefined, { status: 'a' }), undefined, { 'database-id': 'a' }],
    [
      'a database that its id has let in',
      observe('a', { word: 'b' }),
      found('b'),
      { 'database-id': 'b', [accepted]: 'b' },
    ],
    [
      'an empty one that was let in, once',
      observe('a', { word: 'empty' }),
      found('b'),
      { 'database-id': 'b', [accepted]: 'empty' },
    ],
    ['no word that has had no effect yet', observe('a', { word: 'empty' }), found('a'), undefined],
    ['no word twice', observe('b', { word: 'empty', handled: 'empty' }), found('b'), undefined],
    ['no word that was taken back', observe('b', { handled: 'empty' }), found('b'), { [accepted]: null }],
  ])('holds %s', (_name, observed, report, memory) => {
    expect(plan(observed, report)).toEqual(memory);
  });

  it('is in the Secret that outlives the tenant before it is in the status', () => {
    expect(rememberedDatabase(observe('a', { status: 'b' }), blueprint)).toBe('a');
    expect(rememberedDatabase(observe(undefined, { status: 'b' }), blueprint)).toBe('b');
  });
});
