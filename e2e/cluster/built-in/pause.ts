import { access, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildArchive } from '../../../tools/image/buildah.ts';
import { withLock } from '../../../tools/machine/lock.ts';
import type { KubernetesBinaries } from '../kubernetes/build.ts';
import { pauseImage } from './node-files.ts';

/** The archive of the image of a pod's sandbox; built once and kept beside the binary in it. */
export const ensurePauseImage = async ({ directory }: KubernetesBinaries): Promise<string> => {
  const archive = path.join(directory, 'pause.tar');
  if (await exists(archive)) return archive;
  await withLock(`${directory}.lock`, async () => {
    if (!(await exists(archive))) await buildPauseImage(directory, archive);
  });
  return archive;
};

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

const buildPauseImage = async (directory: string, archive: string): Promise<void> => {
  const context = await mkdtemp(path.join(tmpdir(), 'pause-'));
  try {
    await copyFile(path.join(directory, 'pause'), path.join(context, 'pause'));
    const dockerfile = path.join(context, 'Dockerfile');
    await writeFile(dockerfile, 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n');
    await buildArchive({ context, dockerfile, reference: pauseImage, archive });
  } finally {
    await rm(context, { recursive: true });
  }
};
