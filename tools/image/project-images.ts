import path from 'node:path';
import { bundlePrograms } from '../bundle.ts';
import { cacheDirectory } from '../machine/cache.ts';
import type { Progress } from '../machine/progress.ts';
import { ensureOperatorImage } from './operator-image.ts';
import { ensurePostgresImage } from './postgres/postgres-image.ts';

const repository = path.resolve(import.meta.dirname, '../..');

/** The images that a local cluster needs: docker-archive files, and the names that they bear in it. */
export type ProjectImages = {
  readonly archives: readonly string[];
  readonly references: { readonly identityOperator: string; readonly postgres: string };
};

/** Bundles the programs and builds both images, or finds them in the cache. */
export const ensureImages = (progress: Progress): Promise<ProjectImages> =>
  progress.step('images', async (detail) => {
    await bundlePrograms();
    const cache = cacheDirectory(process.env);
    const identityOperator = await ensureOperatorImage({
      repository,
      cache,
      bundles: [path.join(repository, 'build/bundle')],
      name: 'identity-operator',
    });
    const postgres = await ensurePostgresImage(repository, cache);
    detail(
      [identityOperator, postgres].map(({ reference, built }) => `${reference}${built ? ' (built)' : ''}`).join(', '),
    );
    return {
      archives: [identityOperator.archive, postgres.archive],
      references: { identityOperator: identityOperator.reference, postgres: postgres.reference },
    };
  });
