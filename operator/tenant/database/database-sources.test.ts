import { describe, expect, it } from 'vitest';
import { annotations } from '../../api/group.ts';
import { install, nothing, now, release } from '../../testing/observations.ts';
import { buildTenant } from '../../testing/tenants.ts';
import type { Observed } from '../observed.ts';
import { planTenant } from '../plan.ts';
import { referenceFields } from '../references/spec-references.ts';
import { readDatabaseSources } from './database-sources.ts';

const job = 'acme-migrate-0123456789';
const external = { database: { connection: { secretRef: { name: 'own' } } } };

const found = (observed: Observed) =>
  readDatabaseSources(observed, planTenant(observed, release, now).blueprint).migrated(job);

type Entries = Readonly<Record<string, string>>;
const secret = (name: string, entries: Entries) =>
  [
    name,
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: 'shop', uid: name, resourceVersion: '1' },
      entries,
    },
  ] as const;

/** A tenant whose user names `own`, whose services are connected by `inUse`, and that remembers a database, or none. */
const connected = (own: Entries, inUse: Entries, remembered: string | null = 'the-data'): Observed => ({
  ...nothing(external),
  secrets: new Map([
    secret('acme-database-credentials', remembered === null ? {} : { 'database-id': remembered }),
    ...(Object.keys(inUse).length === 0 ? [] : [secret('acme-database-connection', inUse)]),
  ]),
  references: [
    {
      field: referenceFields.databaseConnection,
      kind: 'Secret',
      name: 'own',
      requiredEntries: ['url'],
      found: { uid: 'own', resourceVersion: '1', entries: own },
    },
  ],
});
const url = (user: string, host = 'db.example') => `postgres://${user}:s3cret@${host}:5432/identity`;
const both = (user: (reader: string) => string, host?: string): Entries => ({
  'auth-url': url(user('auth'), host),
  'token-store-url': url(user('token_store'), host),
});
const owner = () => 'owner';
const made = (reader: string) => `shop_acme_${reader}`;

describe('what migrate found out, when nobody can hear it any more', () => {
  it.each([
    [
      'that the owner is shared, when the services are connected by its role',
      connected({ url: url('owner') }, both(owner)),
      true,
    ],
    [
      'that the owner is shared, when it is by the one service that has no role of the user’s',
      connected({ url: url('owner'), 'auth-url': url('mine') }, { ...both(owner), 'auth-url': url('mine') }),
      true,
    ],
    ['that there are roles, when they work with them', connected({ url: url('owner') }, both(made)), false],
    ['nothing of roles, when the user has made them', connected({ url: url('owner'), ...both(made) }, {}), false],
    [
      'that all is as before, when a migrate of long ago told no id',
      connected({ url: url('owner') }, both(made), null),
      false,
    ],
  ])('tells %s', (_what, observed, sharedRole) => {
    const { unknown, ...told } = found(observed);
    expect([told.sharedRole, unknown]).toEqual([sharedRole, undefined]);
  });

  it.each([
    ['when nothing is connected yet', connected({ url: url('owner') }, {})],
    ['when the user has another owner', connected({ url: url('somebody') }, both(owner))],
    ['when the database is elsewhere', connected({ url: url('owner', 'db2.example') }, both(owner))],
    [
      'when one of two roles is new',
      connected({ url: url('owner'), 'auth-url': url('mine') }, { ...both(owner), 'token-store-url': url('x') }),
    ],
    ['when no database is remembered', connected({ url: url('owner'), ...both(made) }, {}, null)],
  ])('is unknown %s', (_when, observed) => {
    expect(found(observed).unknown).toBe(true);
  });

  it('is known of a managed database that is remembered, whose owner may make roles', async () => {
    const { secrets, ...observed } = await install('ready');
    const lost = new Map([...secrets].filter(([name]) => name !== 'acme-database-connection'));
    expect(found({ ...observed, secrets: lost })).toEqual({ id: 'the-data', sharedRole: false });
  });

  it('is unknown while a word of the user’s is to take effect', () => {
    const observed = connected({ url: url('owner') }, both(owner));
    const accepting = (database: string): Observed => ({
      ...observed,
      tenant: buildTenant(external, { annotations: { [annotations.acceptDatabase]: database } }),
    });
    expect(found(accepting('empty')).unknown).toBe(true);
    expect(found(accepting('the-data')).unknown).toBeUndefined();
  });
});
