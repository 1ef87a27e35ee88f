import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { createOperatorLogger } from './logging.ts';

it('logs of an error what it is, and nothing that it carries along', () => {
  const output = new PassThrough();
  const log = createOperatorLogger('info', output);
  let error: unknown;
  try {
    new URL('postgres//owner:hunter2@db');
  } catch (caught) {
    error = caught;
  }
  log.error({ err: error }, 'reconcile failed');
  const line = String(output.read());
  expect(line).toContain('Invalid URL');
  expect(line).not.toContain('hunter2');
});
