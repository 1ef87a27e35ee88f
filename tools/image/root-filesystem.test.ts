import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createRootFilesystem, digestOf } from './root-filesystem.ts';

const makeFolder = async (): Promise<string> => {
  const folder = await mkdtemp(path.join(tmpdir(), 'root-filesystem-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
};

test('files are readable by every user, whatever their modes were, and links are followed', async () => {
  const folder = await makeFolder();
  const source = path.join(folder, 'program');
  await writeFile(source, 'text');
  await chmod(source, 0o700);
  await symlink('program', path.join(folder, 'link'));
  const root = await createRootFilesystem(path.join(folder, 'root'));
  await root.add(path.join(folder, 'link'), '/usr/bin/program');
  await root.write('/etc/passwd', 'root');

  const mode = async (file: string) => (await stat(path.join(root.directory, file))).mode & 0o777;
  expect(await mode('usr/bin/program')).toBe(0o755);
  expect(await mode('etc/passwd')).toBe(0o644);
  expect(await readFile(path.join(root.directory, 'usr/bin/program'), 'utf8')).toBe('text');
});

test('what an earlier layout left is gone', async () => {
  const folder = await makeFolder();
  const before = await createRootFilesystem(path.join(folder, 'root'));
  await before.write('/app/old.mjs', '');
  const root = await createRootFilesystem(path.join(folder, 'root'));
  await root.write('/app/new.mjs', '');
  await expect(stat(path.join(root.directory, 'app/old.mjs'))).rejects.toThrow('ENOENT');
});

test('the digest follows content, mode and name, not the time', async () => {
  const folder = await makeFolder();
  const build = async (name: string, text: string) => {
    const root = await createRootFilesystem(path.join(folder, 'root'));
    await root.write(name, text);
    return root.directory;
  };
  const digest = await digestOf(await build('/app/a', 'one'), 'image:1');
  expect(await digestOf(await build('/app/a', 'one'), 'image:1')).toBe(digest);
  expect(await digestOf(await build('/app/a', 'two'), 'image:1')).not.toBe(digest);
  expect(await digestOf(await build('/app/b', 'one'), 'image:1')).not.toBe(digest);
  expect(await digestOf(await build('/app/a', 'one'), 'image:2')).not.toBe(digest);
  const directory = await build('/app/a', 'one');
  await chmod(path.join(directory, 'app/a'), 0o755);
  expect(await digestOf(directory, 'image:1')).not.toBe(digest);
});
