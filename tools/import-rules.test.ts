import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

const repository = path.resolve(import.meta.dirname, '..');

/** Importer, what it imports, and whether the rooms' rules allow it (docs/adr, CONTRIBUTING.md). */
const cases: readonly [importer: string, imported: string, allowed: boolean][] = [
  ['services/shared/x.ts', '../auth/app.ts', false],
  ['services/shared/testing/x.ts', '../../token-store/app.ts', false],
  ['services/shared/x.ts', './logging.ts', true],
  ['services/token-store/x.ts', '../auth/app.ts', false],
  ['services/token-store/queries/x.ts', '../../gateway/app.ts', false],
  ['services/token-store/x.ts', '../shared/logging.ts', true],
  ['services/auth/x.ts', '../gateway/app.ts', false],
  ['services/auth/accounts/x.ts', '../../gateway/app.ts', false],
  ['services/auth/x.ts', '../token-store/transaction.ts', false],
  ['services/auth/x.ts', '../token-store/contract.ts', true],
  ['services/auth/x.ts', '../token-store/client/token-store-client.ts', true],
  ['services/auth/x.ts', '../../operator/api/group.ts', false],
  ['services/gateway/x.ts', '../auth/app.ts', false],
  ['services/gateway/x.ts', '../token-store/app.ts', false],
  ['services/gateway/x.ts', '../shared/peer-pool.ts', true],
  ['operator/runtime/x.ts', '../tenant/plan.ts', false],
  ['operator/runtime/testing/x.ts', '../../tenant/plan.ts', false],
  ['operator/runtime/x.ts', '../api/group.ts', false],
  ['operator/runtime/x.ts', '../../services/shared/logging.ts', false],
  ['operator/api/x.ts', '../runtime/clock.ts', false],
  ['operator/manifests/x.ts', '../tenant/plan.ts', false],
  ['operator/manifests/x.ts', '../../services/auth/app.ts', false],
  ['operator/manifests/x.ts', '../../services/auth/settings.ts', true],
  ['operator/manifests/x.ts', '../../services/shared/service-settings.ts', true],
  ['operator/keys/x.ts', '../../services/shared/contracts/keyring.ts', true],
  ['operator/keys/x.ts', '../runtime/clock.ts', false],
  ['operator/tenant/x.ts', '../../services/auth/app.ts', false],
  ['operator/tenant/zones/x.ts', '../../../services/auth/app.ts', false],
  ['operator/tenant/zones/x.ts', '../observed.ts', true],
  ['operator/tenant/x.ts', '../../services/shared/identity.ts', false],
  ['operator/tenant/x.ts', '../../services/shared/contracts/keyring.ts', true],
  ['operator/tenant/x.ts', '../runtime/clock.ts', true],
  ['operator/client/x.ts', '../../services/auth/clients/client-metadata.ts', false],
];

const reportSchema = z.object({
  diagnostics: z.array(z.looseObject({ category: z.string().nullish(), location: z.looseObject({}) })),
});

let directory: string;
const nameOf = (index: number, importer: string) => importer.replace(/x\.ts$/, `case-${index}.ts`);

beforeAll(() => {
  // A copy, so that a wrong import never stands in the tree itself.
  directory = mkdtempSync(path.join(tmpdir(), 'import-rules-'));
  cpSync(path.join(repository, 'biome.json'), path.join(directory, 'biome.json'));
  for (const [index, [importer, imported]] of cases.entries()) {
    const file = path.join(directory, nameOf(index, importer));
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `import { x } from '${imported}';\nexport const y = x;\n`);
  }
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The files in which Biome finds a forbidden import. */
const findForbidden = (): string => {
  const biome = path.join(repository, 'node_modules/.bin/biome');
  const lint = [
    biome,
    'lint',
    '--vcs-enabled=false',
    '--only=style/noRestrictedImports',
    '--max-diagnostics=none',
    '--reporter=json',
    '.',
  ];
  try {
    return execFileSync(process.execPath, lint, {
      cwd: directory,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    // Biome ends with 1 when it finds something; its report is on standard output all the same.
    return z.object({ stdout: z.string() }).parse(error).stdout;
  }
};

describe('the rooms of the house', () => {
  it('import only what their rules allow', () => {
    const report = findForbidden();
    const { diagnostics } = reportSchema.parse(JSON.parse(report.slice(report.indexOf('{'))));
    const found = diagnostics.map(({ location }) => JSON.stringify(location));
    const forbidden = cases.map(([importer, imported], index) => {
      const file = nameOf(index, importer);
      return `${importer} <- ${imported}: ${found.some((one) => one.includes(file)) ? 'forbidden' : 'allowed'}`;
    });
    expect(forbidden).toEqual(
      cases.map(([importer, imported, allowed]) => `${importer} <- ${imported}: ${allowed ? 'allowed' : 'forbidden'}`),
    );
  });
});
