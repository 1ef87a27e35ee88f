import { access, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { waitUntil } from '../wait.ts';

const root = '/sys/fs/cgroup';

const isVersion2 = (): Promise<boolean> =>
  access(path.join(root, 'cgroup.controllers')).then(
    () => true,
    () => false,
  );

/** The folders under which a group may stand: one in version 2, one for each controller in version 1. */
const hierarchies = async (): Promise<readonly string[]> => {
  if (await isVersion2()) return [root];
  const entries = await readdir(root, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => path.join(root, entry.name));
};

/** Makes a group in every hierarchy. The kubelet expects its cgroupRoot to be there. */
export const createCgroup = async (group: string): Promise<void> => {
  if (await isVersion2()) {
    // A group can use only the controllers that its parent hands down. Not tried on a machine with version 2 yet.
    const controllers = (await readFile(path.join(root, 'cgroup.controllers'), 'utf8')).trim().split(' ');
    for (const controller of controllers) {
      await writeFile(path.join(root, 'cgroup.subtree_control'), `+${controller}`).catch(() => {});
    }
  }
  for (const hierarchy of await hierarchies()) {
    // Some hierarchies take no groups of ours (name=systemd on some machines); the kubelet checks those it needs.
    await mkdir(path.join(hierarchy, group), { recursive: true }).catch(() => {});
  }
};

const removeTree = async (folder: string): Promise<void> => {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeTree(path.join(folder, entry.name));
  await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
};

/** Removes a group with all below it, waiting for the processes in it to be gone. */
export const removeCgroup = async (group: string): Promise<void> => {
  const folders = (await hierarchies()).map((hierarchy) => path.join(hierarchy, group));
  await waitUntil(`the end of the processes in the cgroup ${group}`, 20_000, async () => {
    for (const folder of folders) await removeTree(folder);
    return true;
  });
};
