import { emptyDatabase, type MigrationReport } from '../../../services/shared/contracts/migration-report.ts';
import { annotations } from '../../api/group.ts';
import { rememberedDatabaseEntry } from '../../keys/random-secrets.ts';
import type { Blueprint } from '../../manifests/blueprint.ts';
import { objectNames } from '../../manifests/object-names.ts';
import type { Observed } from '../observed.ts';
import { readAcceptance, rememberedDatabase } from './database-sources.ts';

/** A change of the retained credentials: which database the tenant's data is in, and which word of the user's is done. */
export type DatabaseMemory = {
  readonly secretName: string;
  readonly entries: Readonly<Record<string, string>>;
  /** null takes one away. */
  readonly annotations: Readonly<Record<string, string | null>>;
};

/** Whether the user's word is what let this database in. */
const hasTakenEffect = (accepted: string, databaseId: string, remembered: string | undefined): boolean =>
  accepted === databaseId || (accepted === emptyDatabase && databaseId !== remembered);

/**
 * What has to be remembered now; undefined when it is. It is written before any service is told of the database, and is
 * kept in a Secret that outlives the tenant, since a status is lost when a tenant is restored or made anew.
 */
export const planDatabaseMemory = (
  observed: Pick<Observed, 'secrets' | 'tenant'>,
  blueprint: Blueprint,
  report: MigrationReport | undefined,
): DatabaseMemory | undefined => {
  const secretName = objectNames.databaseCredentials(blueprint);
  const secret = observed.secrets.get(secretName);
  if (secret === undefined) return undefined;
  const remembered = rememberedDatabase(observed, blueprint);
  const found = report?.outcome === 'migrated' ? report.databaseId : undefined;
  const id = found ?? remembered;
  const entries =
    id === undefined || id === secret.entries[rememberedDatabaseEntry] ? {} : { [rememberedDatabaseEntry]: id };

  const accept = readAcceptance(observed, blueprint);
  const isDone =
    accept !== undefined &&
    !accept.handled &&
    found !== undefined &&
    hasTakenEffect(accept.database, found, remembered);
  const isStale = accept === undefined && secret.metadata.annotations?.[annotations.acceptedDatabase] !== undefined;
  const words = isDone
    ? { [annotations.acceptedDatabase]: accept.database }
    : isStale
      ? { [annotations.acceptedDatabase]: null }
      : {};
  if (Object.keys(entries).length + Object.keys(words).length === 0) return undefined;
  return { secretName, entries, annotations: words };
};
