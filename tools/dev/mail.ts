import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ReceivedMail, readMail, startMailServer } from '../../services/shared/testing/mail-server.ts';
import { displayPath } from './display-path.ts';
import type { DevPaths } from './settings.ts';

const mailMilliseconds = 15_000;

/** Sorted by name they are sorted by time. An address may hold what a file name may not. */
const fileOf = (directory: string, to: string, now: Date): string =>
  path.join(directory, `${now.toISOString().replaceAll(':', '-')} ${encodeURIComponent(to)}.eml`);

/**
 * A mail server on loopback that keeps each message as a file and says where, with the link that is in it. auth finds it by
 * the URL in `paths.mailUrl`.
 */
export const startDevMail = async (
  paths: DevPaths,
  print: (line: string) => void,
): Promise<{ readonly port: number; stop(): Promise<void> }> => {
  await mkdir(paths.mail, { recursive: true, mode: 0o700 });
  const keep = async ({ to, raw, link, parsed }: ReceivedMail): Promise<void> => {
    const file = fileOf(paths.mail, to, new Date());
    await writeFile(file, raw, { mode: 0o600 });
    print(`mail to ${to}: ${parsed.subject}\n  ${link ?? ''}\n  ${displayPath(file)}`);
  };
  const server = await startMailServer({ onMail: keep });
  // Nothing leaves this machine, so TLS would protect nothing.
  await writeFile(paths.mailUrl, `smtp://127.0.0.1:${server.port}?tls=disable\n`, { mode: 0o600 });
  return server;
};

/** The link in the newest mail to somebody; undefined while there is none. */
const findMailLink = async (paths: Pick<DevPaths, 'mail'>, to: string): Promise<string | undefined> => {
  const names = (await readdir(paths.mail).catch(() => [])).filter((name) =>
    name.endsWith(` ${encodeURIComponent(to)}.eml`),
  );
  const newest = names.sort().at(-1);
  return newest === undefined ? undefined : (await readMail(await readFile(path.join(paths.mail, newest)))).link;
};

/**
 * Waits for a mail to somebody.
 * @returns the link in it
 * @throws Error whose message is fit for the user
 */
export const awaitMailLink = async (paths: Pick<DevPaths, 'mail'>, to: string): Promise<string> => {
  const deadline = Date.now() + mailMilliseconds;
  for (;;) {
    const link = await findMailLink(paths, to);
    if (link !== undefined) return link;
    if (Date.now() > deadline) throw new Error(`no mail to ${to} came; the log of auth says why`);
    await delay(100);
  }
};
