import { defineConfig } from 'vitest/config';

// unit: pure, no I/O beyond files of the repository. integration: real PostgreSQL, kube-apiserver or cluster.
// browser: a real Chromium, alone on the machine, since it drops what it loads when a network interface comes or goes, as
// they do while a cluster starts. e2e: the operator on the three-zone cluster. File names tell them apart.
const integration = '**/*.integration.test.ts';
const browser = '**/*.browser.test.ts';
const exclude = ['**/node_modules/**', 'build/**'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{operator,services,e2e,tools,cli,examples,demo,bench}/**/*.test.ts'],
          exclude: [...exclude, integration, browser, 'e2e/suites/**'],
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
          name: 'browser',
          include: [browser],
          exclude,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'e2e',
          globalSetup: ['e2e/suites/environment.ts'],
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
