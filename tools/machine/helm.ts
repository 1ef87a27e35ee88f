import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { cacheDirectory } from './cache.ts';
import { ensureGo } from './go.ts';
import { withLock } from './lock.ts';

/** The Go module that says which Helm, and every module that it is made of. */
const sources = path.join(import.meta.dirname, 'helm');
const program = 'helm.sh/helm/v3/cmd/helm';

const required = (goMod: string, module: string): string => {
  const version = new RegExp(`^\\t${module} (v\\S+)`, 'm').exec(goMod)?.[1];
  if (version === undefined) throw new Error(`tools/machine/helm/go.mod requires no ${module}`);
  return version;
};

/** What `helm version` says, and the Kubernetes that charts are rendered for when no cluster is asked. */
const stamps = (goMod: string): string => {
  const [, minor = ''] = required(goMod, 'k8s\\.io/client-go').split('.');
  const kubernetes = ['pkg/chartutil', 'pkg/lint/rules'].flatMap((folder) => [
    `-X helm.sh/helm/v3/${folder}.k8sVersionMajor=1`,
    `-X helm.sh/helm/v3/${folder}.k8sVersionMinor=${minor}`,
  ]);
  const version = required(goMod, 'helm\\.sh/helm/v3');
  return [`-X helm.sh/helm/v3/internal/version.version=${version}`, ...kubernetes].join(' ');
};

/** Those of the built-in cluster's binaries: what both need is then compiled once. */
const compilerFlags = ['-trimpath', '-buildvcs=false', '-gcflags=all=-dwarf=false'] as const;

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/**
 * Helm, compiled out of its Go module, or found in the cache: a minute on two cores, ten seconds where the built-in
 * cluster's binaries were compiled before. Throws where the machine has no Go.
 *
 * @param onBuild called before a build, for a word to whoever waits
 * @returns the command's path
 */
export const ensureHelm = async (env: NodeJS.ProcessEnv, onBuild: () => void = () => {}): Promise<string> => {
  const files = await Promise.all(['go.mod', 'go.sum'].map((name) => readFile(path.join(sources, name), 'utf8')));
  const flags = [...compilerFlags, `-ldflags=-s -w ${stamps(files[0] ?? '')}`];
  const key = createHash('sha256')
    .update(JSON.stringify([files, flags, process.arch]))
    .digest('hex')
    .slice(0, 16);
  const cache = path.join(cacheDirectory(env), 'helm');
  const command = path.join(cache, key, 'helm');
  if (await exists(command)) return command;

  onBuild();
  const go = await ensureGo(env);
  await mkdir(path.dirname(command), { recursive: true });
  await withLock(path.join(cache, 'lock'), async () => {
    if (await exists(command)) return;
    await execa(go.command, ['build', ...flags, '-o', `${command}.partial`, program], {
      cwd: sources,
      env: { CGO_ENABLED: '0', GOFLAGS: '', GOTOOLCHAIN: 'local', GOROOT: undefined },
    });
    await rename(`${command}.partial`, command);
  });
  return command;
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
