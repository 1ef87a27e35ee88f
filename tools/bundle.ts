import { cp, mkdir, rm } from 'node:fs/promises';
import { build } from 'esbuild';

/** Where the bundles and their assets go; `tools/image` lays them out as `/app`. */
export const bundleDirectory = 'build/bundle';

const entryPoints = {
  operator: 'operator/main.ts',
  gateway: 'services/gateway/main.ts',
  auth: 'services/auth/main.ts',
  'token-store': 'services/token-store/main.ts',
  migrate: 'services/migrate/main.ts',
  // The program behind A, B and C of the demo.
  'example-service': 'examples/service/main.ts',
};

/** Bundles every program into one file each, with shared chunks beside them. */
export const bundlePrograms = async (): Promise<void> => {
  await rm(bundleDirectory, { recursive: true, force: true });
  await mkdir(bundleDirectory, { recursive: true });
  await build({
    entryPoints,
    outdir: bundleDirectory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
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
  });
  await cp('services/auth/pages/templates', `${bundleDirectory}/templates`, { recursive: true });
};

if (import.meta.main) await bundlePrograms();
