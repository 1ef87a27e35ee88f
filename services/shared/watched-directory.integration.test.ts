import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { eventually } from './testing/condition.ts';
import { watchSettings } from './watched-directory.ts';

const logger = pino({ level: 'silent' });
const schema = z.object({ level: z.string() });

describe('watchSettings', () => {
  let directory: string;
  let stop: AbortController;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'watch-'));
    stop = new AbortController();
  });
  afterEach(() => {
    stop.abort();
    rmSync(directory, { recursive: true });
  });
  const watch = (values: string[]) =>
    watchSettings(directory, schema, {
      signal: stop.signal,
      logger,
      onChange: ({ level }) => values.push(level),
    });

  it('takes over a plain write, and keeps the last good value through a bad one', async () => {
    const path = join(directory, 'live.json');
    writeFileSync(path, '{"level":"one"}');
    const values: string[] = [];
    expect(watch(values)).toEqual({ level: 'one' });
    writeFileSync(path, '{"level":"two"}');
    await eventually(() => values.at(-1) === 'two');
    writeFileSync(path, '{"level":2}');
    writeFileSync(path, '{"level":');
    writeFileSync(join(directory, 'other.json'), 'x');
    writeFileSync(path, '{"level":"three"}');
    await eventually(() => values.at(-1) === 'three');
    expect(values.every((value) => typeof value === 'string')).toBe(true);
  });

  it('takes over the symlink swap of a Kubernetes volume', async () => {
    const swap = (version: string) => {
      mkdirSync(join(directory, `..${version}`));
      writeFileSync(join(directory, `..${version}`, 'live.json'), `{"level":"${version}"}`);
      symlinkSync(`..${version}`, join(directory, '..data_tmp'));
      renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
    };
    swap('one');
    symlinkSync('..data/live.json', join(directory, 'live.json'));
    const values: string[] = [];
    expect(watch(values)).toEqual({ level: 'one' });
    swap('two');
    await eventually(() => values.at(-1) === 'two');
  });
});
