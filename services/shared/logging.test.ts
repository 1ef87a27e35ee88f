import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { createLogger } from './logging.ts';

const logged = (write: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown> => {
  const lines: string[] = [];
  write(createLogger('auth', 'info', { write: (line) => lines.push(line) }));
  return JSON.parse(lines.join(''));
};

describe('the log', () => {
  it('says what went wrong in a database, and quotes no row of it', () => {
    const error = Object.assign(new pg.DatabaseError('null value in column "name"', 100, 'error'), {
      code: '23502',
      detail: 'Failing row contains (ada@example.test, $argon2id$hash).',
      where: 'unnamed portal parameter $1 = ada@example.test',
    });
    const line = logged((logger) => logger.error({ err: error }, 'request failed'));
    expect(line).toMatchObject({ service: 'auth', level: 'error', msg: 'request failed' });
    expect(line['err']).toMatchObject({ code: '23502', message: 'null value in column "name"' });
    expect(JSON.stringify(line)).not.toContain('ada@example.test');
  });

  it('holds no credentials of headers', () => {
    const headers = { authorization: 'Bearer secret', cookie: 'secret', 'set-cookie': ['secret'], accept: '*/*' };
    const line = logged((logger) => logger.info({ request: { headers }, headers }, 'request'));
    expect(JSON.stringify(line)).not.toContain('secret');
    expect(line).toMatchObject({ headers: { accept: '*/*' } });
  });
});
