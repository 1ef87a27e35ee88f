import { describe, expect, it } from 'vitest';
import { buildTenant, buildTestBlueprint, buildTestDatabaseSources } from '../testing/tenants.ts';
import {
  buildMigrateConnection,
  buildServiceConnection,
  type DatabaseSources,
  databasePorts,
  isDatabaseUrl,
  migrateConnectionContent,
} from './database-connection.ts';

const tenant = buildTenant({ database: { connection: { secretRef: { name: 'db' } } } });
const blueprint = buildTestBlueprint(tenant);
const url = 'postgres://owner:pw@db.example.com/identity?sslmode=verify-ca';
const sourcesWith = (more: Partial<DatabaseSources> = {}): DatabaseSources => ({
  ...buildTestDatabaseSources(tenant),
  external: { url },
  ...more,
});

describe('the URLs of the services', () => {
  it('are those of roles of their own, with the demands on TLS kept and the id of the database', () => {
    expect(buildServiceConnection(blueprint, sourcesWith(), { id: 'one', sharedRole: false })).toEqual({
      'auth-url': 'postgres://shop_acme_auth:Zq2@db.example.com/identity?sslmode=verify-ca&database_id=one',
      'token-store-url':
        'postgres://shop_acme_token_store:Zq3@db.example.com/identity?sslmode=verify-ca&database_id=one',
    });
  });

  it('are the ones that the user gives', () => {
    const sources = sourcesWith({ external: { url, authUrl: 'postgres://a:b@pooler:6432/identity\n' } });
    const connection = buildServiceConnection(blueprint, sources, { sharedRole: true });
    expect(connection).toEqual({ 'auth-url': 'postgres://a:b@pooler:6432/identity', 'token-store-url': url });
    expect(databasePorts(blueprint, buildMigrateConnection(blueprint, sources), connection)).toEqual([5432, 6432]);
  });
});

describe('migrate', () => {
  const content = (accept?: DatabaseSources['accept']) =>
    migrateConnectionContent(blueprint, sourcesWith(accept === undefined ? {} : { accept }));

  it('runs again for every new word on which database is accepted, and not for its being done', () => {
    expect(content({ database: 'empty', handled: false })).not.toEqual(content());
    expect(content({ database: 'empty', handled: true })).toEqual(content({ database: 'empty', handled: false }));
  });

  it('runs again for other passwords of the roles that it makes, and of no others', () => {
    const contentOf = (auth: string, external = { url }) =>
      migrateConnectionContent(blueprint, sourcesWith({ external, passwords: { owner: 'o', auth, tokenStore: 't' } }));
    expect(contentOf('a')).not.toEqual(contentOf('b'));
    const given = { url, authUrl: 'postgres://a:b@pooler:6432/identity' };
    expect(contentOf('a', given)).toEqual(contentOf('b', given));
  });

  it('is named by a hash that tells nothing of a password of the user’s, for it holds one that nobody could guess', () => {
    const external = {
      url,
      authUrl: 'postgres://a:b@pooler/identity',
      tokenStoreUrl: 'postgres://c:d@pooler/identity',
    };
    const contentOf = (owner: string) =>
      migrateConnectionContent(
        blueprint,
        sourcesWith({ external, passwords: { owner, auth: 'generated', tokenStore: 'generated' } }),
      );
    expect(contentOf('generated once')).not.toEqual(contentOf('generated elsewhere'));
  });

  it('is given a word until it is done', () => {
    const connection = (handled: boolean) =>
      buildMigrateConnection(blueprint, sourcesWith({ accept: { database: 'empty', handled } }));
    expect(connection(false)).toMatchObject({ 'accepted-database': 'empty' });
    expect(connection(true)).not.toHaveProperty('accepted-database');
  });
});

describe('a database URL', () => {
  it.each(['postgres://u:p@h/d', 'postgresql://u@h:5433/d?sslmode=disable'])('is %s', (text) => {
    expect(isDatabaseUrl(text)).toBe(true);
  });
  it.each(['', 'h/d', 'mysql://u:p@h/d', 'postgres://h/d', 'postgres://u:p@h', 'postgres://u:%zz@h/d'])(
    'is not %j',
    (text) => {
      expect(isDatabaseUrl(text)).toBe(false);
    },
  );
});
