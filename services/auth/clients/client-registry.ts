import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import { databaseErrorCode } from '../../shared/postgres-errors.ts';
import type { ClientRepository } from './client-repository.ts';

/** A change is in force at every pod a second after it was written. Half of that, so that a slow read fits too. */
const pollMilliseconds = 500;

export type ClientRegistry = {
  find(clientId: string): ClientRegistration | undefined;
  all(): ClientRegistration[];
  /** The one client that proves itself by this service account's tokens; undefined when there are several. */
  findByServiceAccount(subject: string): ClientRegistration | undefined;
  /** Undefined until the first read. */
  revision(): number | undefined;
  /** Reads the clients again if their revision changed. Rejects when the database cannot answer. */
  refresh(): Promise<void>;
};

const groupByServiceAccount = (
  clients: readonly ClientRegistration[],
): ReadonlyMap<string, readonly ClientRegistration[]> =>
  Map.groupBy(
    clients.filter(({ serviceAccountSubject }) => serviceAccountSubject !== undefined),
    ({ serviceAccountSubject = '' }) => serviceAccountSubject,
  );

/** All clients in memory: no request waits for a database to know who asks. */
export const createClientRegistry = (repository: ClientRepository): ClientRegistry => {
  let held:
    | {
        revision: number;
        clients: ReadonlyMap<string, ClientRegistration>;
        ofServiceAccounts: ReadonlyMap<string, readonly ClientRegistration[]>;
      }
    | undefined;
  let last: Promise<void> = Promise.resolve();
  const readIfChanged = async (): Promise<void> => {
    if (held !== undefined && (await repository.readRevision()) === held.revision) return;
    const { revision, clients } = await repository.readAll();
    held = {
      revision,
      clients: new Map(clients.map((client) => [client.clientId, client])),
      ofServiceAccounts: groupByServiceAccount(clients),
    };
  };
  return {
    find: (clientId) => held?.clients.get(clientId),
    findByServiceAccount: (subject) => {
      const [first, ...others] = held?.ofServiceAccounts.get(subject) ?? [];
      return others.length === 0 ? first : undefined;
    },
    all: () => [...(held?.clients.values() ?? [])],
    revision: () => held?.revision,
    refresh: () => {
      // One after the other, so that a slow read never overwrites what a later one has found. Revisions cannot be compared
      // for that: a restored database begins with a lower one.
      last = last.then(readIfChanged, readIfChanged);
      return last;
    },
  };
};

/** Keeps the registry fresh until the signal aborts; while the database is away the last clients stay. */
export const runClientRegistryPolling = async (
  registry: ClientRegistry,
  { signal, logger }: { signal: AbortSignal; logger: Logger },
): Promise<void> => {
  let reachable = true;
  while (!signal.aborted) {
    try {
      await registry.refresh();
      if (!reachable) logger.info({ revision: registry.revision() }, 'client registry readable again');
      reachable = true;
    } catch (error) {
      // Once a loss, not twice a second.
      if (reachable) logger.warn({ code: databaseErrorCode(error) }, 'client registry not readable');
      reachable = false;
    }
    await delay(pollMilliseconds, undefined, { signal, ref: false }).catch(() => undefined);
  }
};
