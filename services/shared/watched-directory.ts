import { type FSWatcher, readdirSync, realpathSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { readSettings } from './settings-file.ts';

const debounceMilliseconds = 50;
const pollMilliseconds = 10_000;

/** Changes whenever a file of the folder does; a folder that is not there has a fingerprint too. */
const fingerprint = (directory: string): string => {
  try {
    // A Kubernetes volume swaps the symlink `..data`: entries keep their names and resolve to other files.
    const root = realpathSync(directory);
    return readdirSync(root)
      .sort()
      .map((name) => {
        const stat = statSync(join(root, name), { bigint: true, throwIfNoEntry: false });
        return stat ? `${name}:${stat.ino}:${stat.mtimeNs}:${stat.size}` : name;
      })
      .join('\n');
  } catch {
    return 'absent';
  }
};

export type WatchOptions = { onChange: () => void | Promise<void>; signal: AbortSignal; logger: Logger };

/**
 * Calls `onChange` after a Kubernetes volume swap or a plain write in the folder, until the signal aborts. Start it before
 * the first read, so that no change falls between. inotify may miss or be exhausted, hence a poll every 10 s besides.
 */
export const watchDirectory = (directory: string, { onChange, signal, logger }: WatchOptions): void => {
  let seen = fingerprint(directory);
  let pending: NodeJS.Timeout | undefined;
  let running = Promise.resolve();

  const check = async () => {
    const present = fingerprint(directory);
    if (signal.aborted || present === seen) {
      return;
    }
    seen = present;
    try {
      await onChange();
    } catch (error) {
      logger.error({ err: error, directory }, 'change not taken over');
    }
  };
  const schedule = () => {
    clearTimeout(pending);
    pending = setTimeout(() => {
      running = running.then(check);
    }, debounceMilliseconds).unref();
  };

  const poll = setInterval(schedule, pollMilliseconds).unref();
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(directory, { persistent: false }, schedule);
    watcher.on('error', (error) => logger.warn({ err: error, directory }, 'watch lost, polling'));
  } catch (error) {
    logger.warn({ err: error, directory }, 'watch not possible, polling');
  }
  signal.addEventListener('abort', () => {
    watcher?.close();
    clearInterval(poll);
    clearTimeout(pending);
  });
};

/**
 * Reads one JSON file of a folder now (throws SettingsError) and again after each change. A file that went bad later keeps
 * the last good value in use and is logged by field, not by value.
 *
 * @param options.fileName `live.json` unless said otherwise.
 * @returns the value now; `onChange` gets every later one.
 */
export const watchSettings = <Schema extends z.ZodType>(
  directory: string,
  schema: Schema,
  options: { fileName?: string; onChange: (value: z.output<Schema>) => void; signal: AbortSignal; logger: Logger },
): z.output<Schema> => {
  const path = join(directory, options.fileName ?? 'live.json');
  const { signal, logger } = options;
  watchDirectory(directory, {
    signal,
    logger,
    onChange: () => {
      options.onChange(readSettings(path, schema));
      logger.info({ path }, 'settings taken over');
    },
  });
  return readSettings(path, schema);
};
