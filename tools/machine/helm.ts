import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { ensureGo } from './go.ts';
import { ensureGoProgram } from './go-program.ts';

/** The Go module that says which Helm, and every module that it is made of. */
const sources = path.join(import.meta.dirname, 'helm');

const parseVersion = (goMod: string, module: string): string => {
  const version = new RegExp(`^\\t${module} (v\\S+)`, 'm').exec(goMod)?.[1];
  if (version === undefined) throw new Error(`tools/machine/helm/go.mod requires no ${module}`);
  return version;
};

/** What `helm version` says, and the Kubernetes that charts are rendered for when no cluster is asked. */
const parseStamps = (goMod: string): readonly string[] => {
  const [, minor = ''] = parseVersion(goMod, 'k8s\\.io/client-go').split('.');
  const kubernetes = ['pkg/chartutil', 'pkg/lint/rules'].flatMap((folder) => [
    `-X helm.sh/helm/v3/${folder}.k8sVersionMajor=1`,
    `-X helm.sh/helm/v3/${folder}.k8sVersionMinor=${minor}`,
  ]);
  const version = parseVersion(goMod, 'helm\\.sh/helm/v3');
  return [`-X helm.sh/helm/v3/internal/version.version=${version}`, ...kubernetes];
};

/**
 * Helm, compiled out of its Go module, or found in the cache: a minute on two cores, ten seconds where the built-in
 * cluster's binaries were compiled before. Throws where the machine has no Go.
 *
 * @param onBuild called before a build, for a word to whoever waits
 * @returns the command's path
 */
export const ensureHelm = async (env: NodeJS.ProcessEnv, onBuild: () => void = () => {}): Promise<string> => {
  const stamps = parseStamps(await readFile(path.join(sources, 'go.mod'), 'utf8'));
  const program = { name: 'helm', directory: sources, package: 'helm.sh/helm/v3/cmd/helm', stamps };
  return ensureGoProgram(program, () => ensureGo(env), env, onBuild);
};

/**
 * Runs Helm, with nothing of the user's own Helm: neither settings in the environment nor plug-ins.
 * @param input what it reads from its standard input, for `--values -`
 * @returns what it printed
 * @throws Error with what Helm says is wrong
 */
export const runHelm = async (helm: string, parameters: readonly string[], input = ''): Promise<string> => {
  const settings = Object.keys(process.env).filter((name) => name.startsWith('HELM_'));
  const { exitCode, stdout, stderr } = await execa(helm, parameters, {
    env: { ...Object.fromEntries(settings.map((name) => [name, undefined])), HELM_PLUGINS: '/nonexistent' },
    input,
    reject: false,
    stripFinalNewline: false,
  });
  if (exitCode === 0) return stdout;
  throw new Error(`helm ${parameters[0]}: ${stderr.replace(/^Error: /, '').trim() || stdout.trim()}`);
};
