import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { slimOperator } from './slim-operator.ts';

/** Where the bundles and their assets go; `tools/image` lays them out as `/app`. */
export const bundleDirectory = 'build/bundle';

const entryPoints = {
  gateway: 'services/gateway/main.ts',
  auth: 'services/auth/main.ts',
  'token-store': 'services/token-store/main.ts',
  migrate: 'services/migrate/main.ts',
  // The program behind A, B and C of the demo.
  'example-service': 'examples/service/main.ts',
};

const options = {
  outdir: bundleDirectory,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  // oidc-provider tells its models apart by class names: names must stay as they are.
  keepNames: true,
  minify: false,
  // argon2's native part, one file an architecture.
  loader: { '.node': 'copy' },
  // CommonJS packages inside of an ES module still call `require` for Node's own modules.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  external: ['pg-native'],
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** V8 keeps the text of a program for as long as it runs: nobody reads blanks, comments and licences there. */
const slim = { minifyWhitespace: true, legalComments: 'external' } as const satisfies BuildOptions;

/**
 * Node reads a program in at two bytes a character as soon as one of them is not ASCII: 2 MiB for an umlaut. esbuild escapes
 * such characters everywhere but in comments.
 */
const assertAscii = async (file: string): Promise<void> => {
  const [found] = /[^\0-\x7f]/.exec(await readFile(file, 'utf8')) ?? [];
  if (found !== undefined)
    throw new Error(`${file} holds ${JSON.stringify(found)}: its text would take twice the memory`);
};

/** Bundles every program into one file each, with chunks beside them that the services share. */
export const bundlePrograms = async (): Promise<void> => {
  await rm(bundleDirectory, { recursive: true, force: true });
  await mkdir(bundleDirectory, { recursive: true });
  await build({ ...options, entryPoints, splitting: true });
  await build({ ...options, ...slim, entryPoints: { operator: 'operator/main.ts' }, plugins: [...slimOperator] });
  await assertAscii(path.join(bundleDirectory, 'operator.mjs'));
  await cp('services/auth/pages/templates', `${bundleDirectory}/templates`, { recursive: true });
};

if (import.meta.main) await bundlePrograms();
