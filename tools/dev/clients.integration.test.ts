import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../services/shared/testing/condition.ts';
import { watchDirectory } from '../../services/shared/watched-directory.ts';
import { watchClientsFile } from './clients.ts';

describe('watchClientsFile', () => {
  let directory: string;
  let stop: AbortController;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'clients-'));
    stop = new AbortController();
  });
  afterEach(() => {
    stop.abort();
    rmSync(directory, { recursive: true });
  });

  it('follows its file and not the files beside it', async () => {
    const file = join(directory, 'clients.json');
    writeFileSync(file, '[]');
    const calls: string[] = [];
    const record = (name: string) => async () => void calls.push(name);
    watchClientsFile(file, record('clients'), stop.signal);
    // Sees everything, and hears of each change after the one above.
    watchDirectory(directory, { onChange: record('folder'), signal: stop.signal, logger: pino({ level: 'silent' }) });

    writeFileSync(join(directory, 'dev.log'), 'a line of ours');
    await eventually(() => calls.length > 0);
    expect(calls).toEqual(['folder']);

    writeFileSync(file, '[ ]');
    await eventually(() => calls.length > 2);
    expect(calls).toEqual(['folder', 'clients', 'folder']);
  });
});
