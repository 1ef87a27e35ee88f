import { describe, expect, it } from 'vitest';
import { parseDevOptions } from './options.ts';

describe('parseDevOptions', () => {
  it('needs no argument', () => {
    expect(parseDevOptions([])).toEqual({
      command: 'up',
      port: 8443,
      stateDirectory: expect.stringMatching(/^\/.*\/build\/dev$/),
      clientsFile: expect.stringMatching(/^\/.*\/examples\/dev-clients\.json$/),
      watch: true,
    });
  });

  it('takes a port, a state folder and a file of clients', () => {
    expect(
      parseDevOptions(['sign-in', '--port', '9443', '--state', '/tmp/s', '--clients=/tmp/c.json', '--no-watch']),
    ).toEqual({
      command: 'sign-in',
      port: 9443,
      stateDirectory: '/tmp/s',
      clientsFile: '/tmp/c.json',
      watch: false,
    });
  });

  it.each([
    [['--port', 'x']],
    [['--port', '0']],
    [['--port', '65536']],
    [['--ports', '1']],
    [['9443']],
    [['up', 'up']],
  ])('refuses %j', (argv) => {
    expect(() => parseDevOptions(argv)).toThrow();
  });
});
