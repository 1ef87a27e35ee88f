import { createRequire } from 'node:module';
import path from 'node:path';
import type { Plugin } from 'esbuild';

const dist = path.dirname(createRequire(import.meta.url).resolve('@kubernetes/client-node'));

/**
 * Of client-node the operator uses KubeConfig alone, which drags in the models of every Kubernetes kind for a method that
 * nobody calls: 15 MiB in each process.
 */
const kubeConfigOnly: Plugin = {
  name: 'kube-config-only',
  setup: (build) => {
    build.onResolve({ filter: /^@kubernetes\/client-node$/ }, () => ({ path: path.join(dist, 'config.js') }));
    build.onResolve({ filter: /^\.\/gen\/index\.js$/ }, ({ importer }) =>
      importer === path.join(dist, 'config.js') ? { path: 'models', namespace: 'kube-config-only' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'kube-config-only' }, () => ({
      contents: `
        const missing = () => { throw new Error('the operator is bundled without client-node\\'s API clients'); };
        export const createConfiguration = missing;
        export const ServerConfiguration = missing;
      `,
    }));
  },
};

/** Of undici the operator uses dispatchers alone; fetch, WebSocket and caches cost 13 MiB in each process. */
const dispatchersOnly: Plugin = {
  name: 'dispatchers-only',
  setup: (build) => {
    build.onResolve({ filter: /^undici$/ }, () => ({ path: 'undici', namespace: 'dispatchers-only' }));
    build.onLoad({ filter: /.*/, namespace: 'dispatchers-only' }, () => ({
      resolveDir: import.meta.dirname,
      // What undici's own entry does first.
      contents: `
        import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
        import api from 'undici/lib/api/index.js';
        import Agent from 'undici/lib/dispatcher/agent.js';
        import ProxyAgent from 'undici/lib/dispatcher/proxy-agent.js';
        Object.assign(Dispatcher.prototype, api);
        export { Agent, ProxyAgent };
      `,
    }));
  },
};

/** Messages of zod in fifty languages, of which English is used: half a MiB of text. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup: (build) => {
    build.onResolve({ filter: /\/locales\/index\.js$/ }, ({ importer, resolveDir }) =>
      importer.includes('/zod/') ? { path: path.join(resolveDir, '../locales/en.js') } : undefined,
    );
  },
};

/** Leaves out of the operator's bundle what it never runs. What is missing by mistake fails the build. */
export const slimOperator: readonly Plugin[] = [kubeConfigOnly, dispatchersOnly, englishOnly];
