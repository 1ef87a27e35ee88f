import { type Adapter, type AdapterFactory, type ClientMetadata, Provider } from 'oidc-provider';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import type { TokenStoreClient } from '../../token-store/client/token-store-client.ts';
import type { FindRequest, RecordKind } from '../../token-store/contract.ts';
import { describeDevice } from '../account-page/device-name.ts';
import { buildClientMetadata } from '../clients/client-metadata.ts';
import { commitUnit } from '../unit-of-work/commit.ts';
import { currentUnit } from '../unit-of-work/current-unit.ts';
import { createUnitOfWork, type UnitOfWork } from '../unit-of-work/unit-of-work.ts';
import { keptSeconds } from './lifetimes.ts';
import { isConsumable, recordKindOf } from './model-kinds.ts';

export type AdapterOptions = {
  store: TokenStoreClient;
  findClient: (clientId: string) => ClientRegistration | undefined;
  newCommitId: () => string;
  /** Epoch seconds. */
  now: () => number;
};

/** The library's ids; what a client sends in their place may be anything, and is not found without a question. */
const identifier = /^[\w~.-]{1,512}$/;

/** For models of features that are switched off: reads find nothing, and a write is a mistake of ours. */
const createAbsentAdapter = (model: string): Adapter => {
  const refuse = async (): Promise<never> => {
    throw new Error(`nothing keeps oidc-provider's ${model}`);
  };
  const findNothing = async () => undefined;
  return {
    upsert: refuse,
    find: findNothing,
    findByUid: findNothing,
    findByUserCode: findNothing,
    consume: refuse,
    destroy: refuse,
    revokeByGrantId: refuse,
  };
};

const createClientAdapter = (findClient: AdapterOptions['findClient']): Adapter => {
  // A changed client is another registration; the library asks at each request, and only reads.
  const built = new WeakMap<ClientRegistration, ClientMetadata>();
  return {
    ...createAbsentAdapter('Client'),
    find: async (clientId) => {
      const registration = findClient(clientId);
      if (registration === undefined) return undefined;
      const metadata = built.get(registration) ?? buildClientMetadata(registration);
      built.set(registration, metadata);
      // The library's AdapterPayload holds client metadata too, in narrower optional types than its ClientMetadata.
      return metadata as Awaited<ReturnType<Adapter['find']>>;
    },
  };
};

/**
 * oidc-provider asks to revoke the whole family also when a client gives back one opaque access token. That token is
 * destroyed; the grant, and what is issued to it later, lives on.
 */
const isRevocationOfOneToken = (): boolean => {
  const { route, entities } = Provider.ctx?.oidc ?? {};
  return route === 'revocation' && entities?.AccessToken !== undefined;
};

/** What the owner of a session recognises it by, with each of its writes; the library leaves members of others alone. */
const noteDevice = (kind: RecordKind, now: () => number): Record<string, unknown> => {
  if (kind !== 'session') return {};
  const device = describeDevice(Provider.ctx?.get('user-agent'));
  return { usedAt: now(), ...(device !== undefined && { device }) };
};

const createRecordAdapter = (kind: RecordKind, { store, newCommitId, now }: AdapterOptions): Adapter => {
  /** Stages in the request's unit; outside of one, where nobody would commit, it is a unit of its own. */
  const stage = async (write: (unit: UnitOfWork) => void): Promise<void> => {
    const open = currentUnit();
    if (open !== undefined) {
      write(open.unit);
      return;
    }
    const unit = createUnitOfWork(store.find, now);
    write(unit);
    const outcome = await commitUnit(unit, { route: undefined, store, newCommitId });
    if (outcome.kind !== 'committed') throw new Error(`a write outside of a request was ${outcome.kind}`);
  };
  const find = async (by: FindRequest['by'], value: string) => {
    if (!identifier.test(value)) return undefined;
    const unit = currentUnit()?.unit ?? createUnitOfWork(store.find, now);
    // Stored by `upsert` below, so it is what the library gave.
    return (await unit.find(kind, by, value)) as Awaited<ReturnType<Adapter['find']>>;
  };
  return {
    upsert: (id, payload, expiresIn) =>
      // A record without an end would never be cleaned away; the library gives each of ours one.
      stage((unit) =>
        unit.upsert({
          kind,
          id,
          payload: { ...payload, ...noteDevice(kind, now) },
          expiresInSeconds: keptSeconds(kind, expiresIn),
        }),
      ),
    find: (id) => find('id', id),
    findByUid: (uid) => find('uid', uid),
    findByUserCode: (userCode) => find('user_code', userCode),
    consume: (id) =>
      stage((unit) => {
        if (!isConsumable(kind)) throw new Error(`${kind} cannot be consumed`);
        unit.consume(kind, id);
      }),
    destroy: (id) => stage((unit) => unit.destroy(kind, id)),
    revokeByGrantId: async (grantId) => {
      if (!isRevocationOfOneToken()) await stage((unit) => unit.revokeGrant(grantId));
    },
  };
};

/**
 * Replay detection of DPoP proofs and client assertions. The library looks whether it knows an id and then keeps it, which
 * lets several through at once: nothing is ever found here, and a unique insert decides at the commit. Client
 * authentication comes first in every request, so the first id of a request with an assertion is the assertion's.
 */
const createReplayAdapter = (): Adapter => ({
  ...createAbsentAdapter('ReplayDetection'),
  upsert: async (id, _payload, expiresIn) => {
    const unit = currentUnit()?.unit;
    if (unit === undefined) throw new Error('a proof outside of a request');
    const hasAssertion = Provider.ctx?.oidc.params?.['client_assertion'] !== undefined;
    const isAssertion = hasAssertion && unit.staged.oneTimeIds.length === 0;
    unit.useOnce({
      namespace: isAssertion ? 'client_assertion' : 'dpop',
      id,
      expiresInSeconds: Math.max(1, expiresIn ?? 1),
    });
  },
});

/** The provider's way to its records: clients from memory, everything else from the token-store by the unit of work. */
export const createAdapterFactory =
  (options: AdapterOptions): AdapterFactory =>
  (model) => {
    if (model === 'Client') return createClientAdapter(options.findClient);
    if (model === 'ReplayDetection') return createReplayAdapter();
    const kind = recordKindOf(model);
    return kind === undefined ? createAbsentAdapter(model) : createRecordAdapter(kind, options);
  };
