import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { parse } from 'yaml';
import { z } from 'zod';
import { ensureGo } from '../../tools/machine/go.ts';
import { ensureGoProgram } from '../../tools/machine/go-program.ts';

/** What delivery tools make of one object. */
export type GitopsVerdict = {
  readonly kstatus: string;
  readonly kstatusMessage: string;
  readonly argoCD: string;
  readonly argoCDMessage: string;
};

const verdictsSchema = z.array(
  z.object({ kstatus: z.string(), kstatusMessage: z.string(), argoCD: z.string(), argoCDMessage: z.string() }),
);
const patchSchema = z.object({ data: z.record(z.string(), z.string()) });

/** The shipped health check of Argo CD for a kind. */
const readHealthCheck = async (kind: string): Promise<string> => {
  const file = path.join(import.meta.dirname, '../../examples/gitops/argocd-cm-patch.yaml');
  const { data } = patchSchema.parse(parse(await readFile(file, 'utf8')));
  const check = data[`resource.customizations.health.identity-operator.io_${kind}`];
  if (check === undefined) throw new Error(`${file} has no health check of ${kind}`);
  return check;
};

/** The program that judges; built once a machine, in half a minute. @returns its path */
export const ensureGitopsHealth = (): Promise<string> =>
  ensureGoProgram({ name: 'gitops-health', directory: path.join(import.meta.dirname, 'gitops-health') }, () =>
    ensureGo(process.env),
  );

/**
 * Judges objects of one kind as delivery tools do: by the kstatus library itself, and by the Lua check that we ship, run
 * by the interpreter that Argo CD embeds. In their order.
 */
export const judgeObjects = async (
  kind: 'IdentityTenant' | 'IdentityClient',
  objects: readonly unknown[],
): Promise<readonly GitopsVerdict[]> => {
  const program = await ensureGitopsHealth();
  const directory = await mkdtemp(path.join(tmpdir(), 'gitops-health-'));
  try {
    const script = path.join(directory, 'health.lua');
    await writeFile(script, await readHealthCheck(kind));
    const { stdout } = await execa(program, [script], { input: JSON.stringify(objects) });
    return verdictsSchema.parse(JSON.parse(stdout));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};
