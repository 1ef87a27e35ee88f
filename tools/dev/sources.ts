import { watch } from 'node:fs';
import path from 'node:path';

const quietMilliseconds = 300;
const services = ['token-store', 'auth', 'gateway'] as const;
const watchedFolders = ['services', 'examples/service'] as const;

/**
 * Which processes a changed file belongs to.
 * @param file relative to the project
 */
export const findAffectedServices = (file: string): readonly string[] => {
  if (!/\.(ts|eta|css)$/.test(file) || /\.test\.ts$|\/testing\//.test(file)) return [];
  if (file.startsWith('examples/service/')) return ['a', 'b', 'c'];
  if (file.startsWith('services/shared/')) return services;
  // auth speaks to the token-store by its client and contract.
  if (/^services\/token-store\/(client\/|contract\.ts)/.test(file)) return ['token-store', 'auth'];
  return services.filter((service) => file.startsWith(`services/${service}/`));
};

/**
 * Calls `onChange` with the names of the processes whose sources changed, once nothing changes any more.
 * @param project folder of the checkout
 */
export const watchSources = (
  project: string,
  onChange: (names: readonly string[]) => Promise<void>,
  signal: AbortSignal,
): void => {
  const changed = new Set<string>();
  let pending: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const flush = (): void => {
    const names = [...changed];
    changed.clear();
    running = running.then(() => onChange(names));
  };
  for (const folder of watchedFolders) {
    const watcher = watch(path.join(project, folder), { recursive: true, persistent: false, signal });
    watcher.on('change', (_event, name) => {
      const affected = findAffectedServices(path.posix.join(folder, String(name)));
      if (affected.length === 0) return;
      for (const service of affected) changed.add(service);
      clearTimeout(pending);
      pending = setTimeout(flush, quietMilliseconds).unref();
    });
    // Changes are a convenience: without the watch one ends and starts `make dev`.
    watcher.on('error', () => undefined);
  }
  signal.addEventListener('abort', () => clearTimeout(pending));
};
