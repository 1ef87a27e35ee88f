// npm run image: builds the images of the project and says where they are.
import path from 'node:path';
import { ensureOperatorImage } from './image/operator-image.ts';
import { ensurePostgresImage } from './image/postgres/postgres-image.ts';
import { cacheDirectory } from './machine/cache.ts';
import { createProgress } from './machine/progress.ts';

const repository = path.resolve(import.meta.dirname, '..');
const cache = cacheDirectory(process.env);
const progress = createProgress();

const images = [
  () =>
    ensureOperatorImage({
      repository,
      cache,
      bundles: [path.join(repository, 'build/bundle')],
      name: 'identity-operator',
    }),
  () => ensurePostgresImage(repository, cache),
];
for (const ensure of images) {
  await progress.step('image', async (detail) => {
    const { reference, archive, built } = await ensure();
    detail(`${reference} ${built ? 'built' : 'from the cache'}: ${archive}`);
  });
}
