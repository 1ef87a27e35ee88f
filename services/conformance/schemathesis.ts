import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { ensureRelyingParties } from './python-program.ts';

const references = join(import.meta.dirname, '../../docs/reference');

/** Requests of each operation; the same ones each time, unless there are to be others or more. */
const wanted = process.env['BAD_INPUT_RUNS'];
const runs = wanted === undefined ? ['--max-examples', '40', '--seed', '1'] : ['--max-examples', wanted];

/**
 * Sends what follows a document, and what does not, to a service.
 * @param options `document`: a file of `docs/reference`; `identity`: folder of the certificate that is presented; `directory`:
 * where it may write
 * @returns 0, and else what it has found
 */
export const runSchemathesis = async (options: {
  document: string;
  port: number;
  identity: string;
  directory: string;
}): Promise<{ exitCode: number | undefined; stdout: string }> => {
  const { document, port, identity, directory } = options;
  const { exitCode, stdout } = await execa(
    join(dirname(await ensureRelyingParties()), 'schemathesis'),
    [
      ...['--config-file', join(import.meta.dirname, 'python/schemathesis.toml'), 'run', join(references, document)],
      ...['--url', `https://127.0.0.1:${port}`, ...runs],
      // Peers are known by their SPIFFE ids, which Python does not look at.
      ...['--tls-verify', 'false'],
      ...['--request-cert', join(identity, 'tls.crt'), '--request-cert-key', join(identity, 'tls.key')],
      ...['--request-timeout', '10', '--phases', 'coverage,fuzzing'],
      ...['--no-color', '--suppress-health-check', 'all'],
    ],
    { cwd: directory, reject: false, extendEnv: false, env: { PATH: process.env['PATH'], PYTHONNOUSERSITE: '1' } },
  );
  return { exitCode, stdout };
};
