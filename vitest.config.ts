import { defineConfig } from 'vitest/config';

// unit: pure, no I/O beyond files of the repository. integration: real PostgreSQL or kube-apiserver on loopback.
// e2e: the three-zone cluster. `*.integration.test.ts` and `e2e/suites` tell them apart by name alone.
const integration = '**/*.integration.test.ts';
const exclude = ['**/node_modules/**', 'build/**'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{operator,services,e2e,tools,cli,examples,demo}/**/*.test.ts'],
          exclude: [...exclude, integration, 'e2e/suites/**'],
        },
      },
      {
        test: {
          name: 'integration',
          include: [integration],
          exclude,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['e2e/suites/**/*.test.ts'],
          exclude,
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
