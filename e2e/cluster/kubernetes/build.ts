import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { cacheDirectory } from '../../../tools/machine/cache.ts';
import type { Go } from '../../../tools/machine/go.ts';
import { withLock } from '../../../tools/machine/lock.ts';

/** The names that the one binary is called by; each is a link to it. */
const components = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'kubectl',
  'coredns',
  'metrics-server',
  'network-policies',
  'volume-recycler',
];

/** The binaries of the built-in cluster. */
export interface KubernetesBinaries {
  /** The folder that holds every component under its own name, and `pause`. */
  readonly directory: string;
  /** Kubernetes' version, such as `v1.35.4`. */
  readonly version: string;
  /** False when they came from the cache. */
  readonly built: boolean;
}

const sources = import.meta.dirname;

const parseKubernetesVersion = (goMod: string): string => {
  const version = /^\tk8s\.io\/kubernetes (v\S+)$/m.exec(goMod)?.[1];
  if (version === undefined) throw new Error('e2e/cluster/kubernetes/go.mod requires no k8s.io/kubernetes');
  return version;
};

const buildFlags = (version: string): readonly string[] => {
  const [major = '', minor = ''] = version.slice(1).split('.');
  // Without these the components call themselves v0.0.0, and clients complain.
  const stamps = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((name) => [
    `-X ${name}.gitVersion=${version}`,
    `-X ${name}.gitMajor=${major}`,
    `-X ${name}.gitMinor=${minor}`,
  ]);
  return [
    '-trimpath',
    '-buildvcs=false',
    // Debug information that -w drops anyway is not made in the first place: a tenth of the compile time.
    '-gcflags=all=-dwarf=false',
    `-ldflags=-s -w ${stamps.join(' ')}`,
  ];
};

const cacheKey = async (flags: readonly string[], go: Go): Promise<string> => {
  const hash = createHash('sha256').update(JSON.stringify([flags, go.version, process.arch, components]));
  const files = await readdir(sources, { recursive: true });
  for (const file of files.filter((name) => /\.go$|^go\.(mod|sum)$/.test(name)).sort()) {
    hash.update(file).update(await readFile(path.join(sources, file)));
  }
  return hash.digest('hex').slice(0, 16);
};

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/**
 * Builds the components of the built-in cluster out of their Go modules, or finds them in the cache. A first build
 * compiles Kubernetes: 470 CPU seconds after a download of 650 MB.
 *
 * @param go the toolchain; its version is part of the key in the cache
 * @param onBuild called before a build, for a word to whoever waits
 */
export const ensureKubernetes = async (
  go: () => Promise<Go>,
  env: NodeJS.ProcessEnv = process.env,
  onBuild: () => void = () => {},
): Promise<KubernetesBinaries> => {
  const version = parseKubernetesVersion(await readFile(path.join(sources, 'go.mod'), 'utf8'));
  const toolchain = await go();
  const flags = buildFlags(version);
  const cache = path.join(cacheDirectory(env), 'kubernetes');
  const directory = path.join(cache, await cacheKey(flags, toolchain));
  if (await exists(directory)) return { directory, version, built: false };

  onBuild();
  await mkdir(cache, { recursive: true });
  // Two builds at once would compile the same thing on the same cores: the second waits and finds it made.
  await withLock(path.join(cache, 'lock'), () => buildInto(directory, toolchain.command, flags));
  return { directory, version, built: true };
};

/** Compiles into a folder of its own, which appears under its final name only when it is complete. */
const buildInto = async (directory: string, go: string, flags: readonly string[]): Promise<void> => {
  if (await exists(directory)) return;
  const partial = `${directory}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const compile = async (output: string, source: string, extra: Record<string, string>) =>
    execa(go, ['build', ...flags, '-o', path.join(partial, output), source], {
      cwd: sources,
      // CGO_ENABLED=0: static, so that it also runs inside a container without a file system.
      env: { CGO_ENABLED: '0', GOFLAGS: '', GOTOOLCHAIN: 'local', GOROOT: undefined, ...extra },
    });
  await compile('pause', './pause', {});
  // The compiler's processes are short: collecting their garbage costs a seventh of the time.
  await compile('kubernetes', '.', { GOGC: 'off', GOMEMLIMIT: '3GiB' });
  for (const component of components) await symlink('kubernetes', path.join(partial, component));
  await rename(partial, directory);
};
