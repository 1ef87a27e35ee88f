import { isDeepStrictEqual } from 'node:util';
import type { ISecret } from 'kubernetes-models/v1';
import { apiVersion, labels, managedByValue } from '../api/group.ts';
import { bindingName, type IdentityClient } from '../api/identity-client.ts';
import type { IdentityTenant } from '../api/identity-tenant.ts';
import { generateClientSecret } from '../keys/random-secrets.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import { hasReason } from '../runtime/kubernetes-error.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import { builtInResources, type ObjectReference } from '../runtime/resource-kind.ts';
import { decodeEntries, encodeEntries } from '../tenant/caches/object-projections.ts';
import type { ObservedSecret } from '../tenant/observed.ts';
import { bindingEntries, clientIdOf, hasSecret } from './client-registration.ts';

/**
 * `taken`: a Secret of the wanted name is somebody else's; `leaving`: it is of a client of this name that was deleted before,
 * and garbage collection will take it. `secret` is undefined for a public client.
 */
export type Binding =
  | { readonly kind: 'taken' }
  | { readonly kind: 'leaving' }
  | { readonly kind: 'ours'; readonly secret: string | undefined };

const buildEntries = (
  identityClient: IdentityClient,
  issuer: string,
  secret: string | undefined,
): Record<string, string> => ({
  [bindingEntries.type]: 'oauth2',
  [bindingEntries.provider]: 'identity-operator',
  [bindingEntries.issuer]: issuer,
  [bindingEntries.clientId]: clientIdOf(identityClient),
  ...(secret === undefined ? {} : { [bindingEntries.clientSecret]: secret }),
});

const buildBinding = ({ metadata, spec }: IdentityClient, name: string, entries: Record<string, string>) =>
  ({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'servicebinding.io/oauth2',
    metadata: {
      name,
      namespace: metadata.namespace,
      labels: {
        [labels.managedBy]: managedByValue,
        [labels.instance]: spec.tenantRef.name,
        [labels.component]: 'client',
      },
      ownerReferences: [
        {
          apiVersion,
          kind: 'IdentityClient',
          name: metadata.name,
          uid: metadata.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    data: encodeEntries(entries),
  }) satisfies ISecret;

/** Of the entries that are ours to write, those that are there; what somebody added is theirs. */
const ownEntries = (present: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.values(bindingEntries).flatMap((entry) => (present[entry] === undefined ? [] : [[entry, present[entry]]])),
  );

type PresentSecret = Pick<ObservedSecret, 'metadata' | 'entries'>;

const isLeftOver = ({ metadata }: PresentSecret, { metadata: { name, uid } }: IdentityClient): boolean =>
  metadata.ownerReferences?.some(
    (owner) => owner.kind === 'IdentityClient' && owner.name === name && owner.uid !== uid,
  ) ?? false;

const readSecret = async (
  reference: ObjectReference,
  client: KubernetesClient,
  signal: AbortSignal,
): Promise<PresentSecret | undefined> => {
  const secret = await client.get<LiveObject & ISecret>(reference, { signal });
  return secret === undefined ? undefined : { metadata: secret.metadata, entries: decodeEntries(secret) };
};

/**
 * The client's secret out of its Secret, both made when missing; a secret that is there is never made anew.
 * @param known the Secret as the watch of ours has it, so that a registration that is refreshed costs no read. Without one
 * the API server is asked: it may be a stranger's, or have lost the label by which it is watched.
 */
export const ensureBinding = async (
  identityClient: IdentityClient,
  tenant: Pick<IdentityTenant, 'spec'>,
  known: PresentSecret | undefined,
  client: KubernetesClient,
  signal: AbortSignal,
): Promise<Binding> => {
  const { namespace, uid } = identityClient.metadata;
  const { issuer } = tenant.spec;
  const reference = { resource: builtInResources.secrets, namespace, name: bindingName(identityClient) };
  const present = known ?? (await readSecret(reference, client, signal));
  if (present === undefined) {
    const secret = hasSecret(identityClient) ? generateClientSecret() : undefined;
    try {
      await client.create(buildBinding(identityClient, reference.name, buildEntries(identityClient, issuer, secret)), {
        signal,
      });
      return { kind: 'ours', secret };
    } catch (error) {
      // Somebody was faster: theirs counts, whoever it is.
      if (!hasReason(error, 'AlreadyExists')) throw error;
      return ensureBinding(identityClient, tenant, undefined, client, signal);
    }
  }
  if (present.metadata.ownerReferences?.some((owner) => owner.uid === uid) !== true)
    return { kind: isLeftOver(present, identityClient) ? 'leaving' : 'taken' };
  const own = ownEntries(present.entries);
  const secret = hasSecret(identityClient) ? (own[bindingEntries.clientSecret] ?? generateClientSecret()) : undefined;
  const entries = buildEntries(identityClient, issuer, secret);
  const { metadata: wanted } = buildBinding(identityClient, reference.name, entries);
  const isLabelled = Object.entries(wanted.labels).every(
    ([label, value]) => present.metadata.labels?.[label] === value,
  );
  if (isLabelled && isDeepStrictEqual(entries, own)) return { kind: 'ours', secret };
  // An apply could not take away the secret of a client that became public: its first write was no apply.
  const obsolete = Object.keys(own).filter((entry) => entries[entry] === undefined);
  const data = { ...encodeEntries(entries), ...Object.fromEntries(obsolete.map((entry) => [entry, null])) };
  await client.patchMerge(
    reference,
    { metadata: { resourceVersion: present.metadata.resourceVersion, labels: wanted.labels }, data },
    { signal },
  );
  return { kind: 'ours', secret };
};
