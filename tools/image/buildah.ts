import { rename, rm } from 'node:fs/promises';
import { execa } from 'execa';

// vfs and chroot need neither a running service nor an overlay on an overlay, so this works inside a container too.
const storage = ['--storage-driver', 'vfs'];

/** What to build an image from. */
export interface ImageBuild {
  /** The folder that the Dockerfile's COPY reads. */
  readonly context: string;
  readonly dockerfile: string;
  /** The image's full name with its tag, such as `localhost/pause:1`. */
  readonly reference: string;
  /** The docker-archive to write. Appears when it is complete. */
  readonly archive: string;
}

/** Builds an image and writes it as a docker-archive; leaves nothing in buildah's own store. */
export const buildArchive = async ({ context, dockerfile, reference, archive }: ImageBuild): Promise<void> => {
  const partial = `${archive}.partial`;
  // buildah does not overwrite an archive.
  await rm(partial, { force: true });
  await execa('buildah', [
    ...storage,
    ...['bud', '--isolation', 'chroot', '--quiet', '--tag', reference, '--file', dockerfile, context],
  ]);
  await execa('buildah', [...storage, 'push', '--quiet', reference, `docker-archive:${partial}:${reference}`]);
  await execa('buildah', [...storage, 'rmi', reference], { reject: false });
  await rename(partial, archive);
};
