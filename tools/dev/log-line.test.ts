import { describe, expect, it } from 'vitest';
import { formatLogLine } from './log-line.ts';

describe('formatLogLine', () => {
  it('shows time, level, service, message and fields of a log event', () => {
    const line = JSON.stringify({
      level: 'info',
      time: '2026-11-25T12:34:56.789Z',
      service: 'auth',
      ports: { auth: 1 },
      msg: 'listening',
    });
    expect(formatLogLine('auth', line)).toBe('12:34:56 info  auth         listening ports="{\\"auth\\":1}"');
  });

  it('shows what went wrong without its stack', () => {
    const line = JSON.stringify({ level: 'error', err: { message: 'no keys', stack: 'Error: at' }, msg: 'failed' });
    expect(formatLogLine('auth', line)).toBe('         error auth         failed err="no keys"');
  });

  it('cuts long details', () => {
    expect(formatLogLine('auth', JSON.stringify({ msg: 'm', text: 'x'.repeat(1000) })).length).toBeLessThan(250);
  });

  it.each(['    at main.ts:1:1', '', '"text"', '{"broken'])('passes on %j', (line) => {
    expect(formatLogLine('gateway', line)).toBe(`               gateway      ${line}`);
  });
});
