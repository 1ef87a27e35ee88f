import { access } from 'node:fs/promises';
import { execa } from 'execa';
import { findCommand } from './command.ts';

/** What the machine is needed for. */
export type Purpose = 'dev' | 'install' | 'test' | 'demo';

/** A Debian package, and what shows that it (or another package with the same thing in it) is there. */
export interface Requirement {
  readonly package: string;
  readonly command?: string;
  readonly anyFile?: readonly string[];
  /** A command line that ends well where the thing is there. */
  readonly succeeds?: readonly [command: string, ...parameters: string[]];
}

const libraries = (name: string): readonly string[] =>
  ['x86_64-linux-gnu', 'aarch64-linux-gnu'].flatMap((system) => [
    `/lib/${system}/${name}`,
    `/usr/lib/${system}/${name}`,
  ]);

const base: readonly Requirement[] = [
  { package: 'ca-certificates', anyFile: ['/etc/ssl/certs/ca-certificates.crt'] },
  { package: 'git', command: 'git' },
  // Node 26 loads it.
  { package: 'libatomic1', anyFile: libraries('libatomic.so.1') },
];

const cluster: readonly Requirement[] = [
  { package: 'containerd', command: 'containerd' },
  { package: 'runc', command: 'runc' },
  { package: 'containernetworking-plugins', anyFile: ['/usr/lib/cni/ptp'] },
  { package: 'iproute2', command: 'ip' },
  { package: 'nftables', command: 'nft' },
  { package: 'iptables', command: 'iptables' },
  { package: 'conntrack', command: 'conntrack' },
  { package: 'ethtool', command: 'ethtool' },
  { package: 'buildah', command: 'buildah' },
];

const browser: readonly Requirement[] = [
  { package: 'chromium', command: 'chromium' },
  // Without any font a page has no text, and a screenshot shows boxes.
  { package: 'fonts-liberation', anyFile: ['/usr/share/fonts/truetype/liberation'] },
];

const caches: readonly Requirement[] = [{ package: 'redis-server', command: 'redis-server' }];

/** Relying parties of others, in Python. Any Python with `venv` will do, not only Debian's. */
const relyingParties: readonly Requirement[] = [
  { package: 'python3-venv', succeeds: ['python3', '-c', 'import ensurepip, venv'] },
];

const requirements: Readonly<Record<Purpose, readonly Requirement[]>> = {
  dev: base,
  install: base,
  demo: [...base, ...cluster],
  test: [...base, ...cluster, ...browser, ...caches, ...relyingParties],
};

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

const isThere = async (requirement: Requirement, env: NodeJS.ProcessEnv): Promise<boolean> => {
  if (requirement.command !== undefined) return (await findCommand(requirement.command, env)) !== undefined;
  if (requirement.succeeds !== undefined) {
    const [name, ...parameters] = requirement.succeeds;
    const command = await findCommand(name, env);
    return command !== undefined && (await execa(command, parameters, { reject: false })).exitCode === 0;
  }
  const found = await Promise.all((requirement.anyFile ?? []).map(exists));
  return found.includes(true);
};

/** The Debian packages that the machine lacks for a purpose. */
export const findMissingPackages = async (purpose: Purpose, env: NodeJS.ProcessEnv): Promise<readonly string[]> => {
  const missing: string[] = [];
  for (const requirement of requirements[purpose]) {
    if (!(await isThere(requirement, env))) missing.push(requirement.package);
  }
  return missing;
};

const run = async (command: readonly string[]): Promise<void> => {
  const [file = '', ...args] = command;
  // Standard error and input stay the terminal's: sudo may ask for a password.
  await execa(file, args, {
    env: { DEBIAN_FRONTEND: 'noninteractive', DEBCONF_NOWARNINGS: 'yes' },
    stdio: ['inherit', 'pipe', 'inherit'],
  });
};

/**
 * Installs Debian packages, as root or by sudo. Throws with the command to give by hand where that is not possible.
 */
export const installPackages = async (packages: readonly string[], env: NodeJS.ProcessEnv): Promise<void> => {
  const byHand = `apt-get install --no-install-recommends ${packages.join(' ')}`;
  if ((await findCommand('apt-get', env)) === undefined) {
    throw new Error(`this machine lacks ${packages.join(', ')} (their names in Debian): install them, then try again`);
  }
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && (await findCommand('sudo', env)) === undefined) {
    throw new Error(`this machine lacks ${packages.join(', ')}: as root, run "${byHand}", then try again`);
  }
  const privileged = isRoot ? [] : ['sudo'];
  try {
    // Once: package lists that are out of date name files that the mirror no longer has.
    await run([...privileged, 'apt-get', 'update', '-qq']);
    await run([...privileged, 'apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...packages]);
  } catch (cause) {
    throw new Error(`Debian packages could not be installed: run "${byHand}" as root and see what it says`, { cause });
  }
};
