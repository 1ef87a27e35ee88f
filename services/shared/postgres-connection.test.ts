import { describe, expect, it } from 'vitest';
import { DatabaseUrlError, parseDatabaseUrl } from './postgres-connection.ts';

const base = 'postgres://user:p%40ss%2Fword@db.example.org:6432/identity';

describe('parseDatabaseUrl', () => {
  it('takes the parts, decoded', () => {
    expect(parseDatabaseUrl(base).client).toMatchObject({
      host: 'db.example.org',
      port: 6432,
      user: 'user',
      password: 'p@ss/word',
      database: 'identity',
    });
    expect(parseDatabaseUrl('postgresql://u:p@[fd00::1]/d').client).toMatchObject({ host: 'fd00::1', port: 5432 });
  });

  it('takes the id that the database must have', () => {
    expect(parseDatabaseUrl(base)).not.toHaveProperty('databaseId');
    expect(parseDatabaseUrl(`${base}?sslmode=disable&database_id=one`)).toMatchObject({
      databaseId: 'one',
      client: { ssl: false },
    });
  });

  it.each(['', '?sslmode=verify-full', '?sslmode=require', '?sslmode=prefer', '?ssl=false', '?sslmode='])(
    'verifies certificate and name with %s',
    (query) => {
      expect(parseDatabaseUrl(base + query, ['PEM']).client.ssl).toEqual({ ca: ['PEM'], rejectUnauthorized: true });
    },
  );

  it('does less only when the URL says so', () => {
    expect(parseDatabaseUrl(`${base}?sslmode=disable`, ['PEM']).client.ssl).toBe(false);
    expect(parseDatabaseUrl(`${base}?sslmode=no-verify`, ['PEM']).client.ssl).toEqual({ rejectUnauthorized: false });
    expect(parseDatabaseUrl(`${base}?sslmode=verify-ca`, ['PEM']).client.ssl).toMatchObject({
      ca: ['PEM'],
      rejectUnauthorized: true,
      checkServerIdentity: expect.any(Function),
    });
  });

  it.each(['', 'secret', 'mysql://u:secret@h/d', 'postgres://u:secret@h', 'postgres://h/d', 'postgres://u:%zz@h/d'])(
    'refuses %j without repeating it',
    (url) => {
      expect(() => parseDatabaseUrl(url)).toThrow(DatabaseUrlError);
      expect(() => parseDatabaseUrl(url)).toThrow(expect.not.objectContaining({ message: /secret/ }));
    },
  );
});
