import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readSettings, settingsPath } from './settings-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'settings-'));
afterAll(() => rmSync(directory, { recursive: true }));

const schema = z.object({ database: z.object({ port: z.int() }) });
const written = (text: string): string => {
  const path = join(directory, 'settings.json');
  writeFileSync(path, text);
  return path;
};

describe('readSettings', () => {
  it('returns what the schema makes of the file', () => {
    expect(readSettings(written('{"database":{"port":5432},"later":1}'), schema)).toEqual({ database: { port: 5432 } });
  });

  it('names the field, never its value', () => {
    const read = () => readSettings(written('{"database":{"port":"s3cret"}}'), schema);
    expect(read).toThrow(/database\.port \(invalid_type\)/);
    expect(read).not.toThrow(/s3cret/);
  });

  it('does not quote the text of a file that is no JSON', () => {
    const read = () => readSettings(written('{"password": s3cret'), schema);
    expect(read).toThrow(/not valid JSON/);
    expect(read).not.toThrow(/s3cret/);
  });

  it('says that a file is not there', () => {
    expect(() => readSettings(join(directory, 'absent.json'), schema)).toThrow(/ENOENT/);
  });
});

describe('settingsPath', () => {
  it('is the first argument', () => {
    expect(settingsPath(['node', 'main.ts', '/etc/identity/settings.json'])).toBe('/etc/identity/settings.json');
    expect(() => settingsPath(['node', 'main.ts'])).toThrow(/first argument/);
  });
});
