import { hasReason } from '../../runtime/kubernetes-error.ts';
import type { DesiredObject, LiveObject } from '../../runtime/kubernetes-object.ts';
import { builtInResources, type ObjectReference, type ResourceKind } from '../../runtime/resource-kind.ts';
import { optionalResources } from '../../tenant/caches/optional-resources.ts';
import type { World } from '../world.ts';

type Squat = {
  readonly resource: ResourceKind;
  readonly name: string;
  readonly content: Readonly<Record<string, unknown>>;
};

/** Objects of strangers by names that a tenant or a client may come to want. */
const squats = {
  Ingress: {
    resource: builtInResources.ingresses,
    name: 'acme-gateway',
    content: { spec: { defaultBackend: { service: { name: 'theirs', port: { number: 80 } } } } },
  },
  HTTPRoute: {
    resource: optionalResources.httpRoutes,
    name: 'acme-gateway',
    content: { spec: { hostnames: ['theirs.example'] } },
  },
  'Service of the database': {
    resource: builtInResources.services,
    name: 'acme-database',
    content: { spec: { ports: [{ port: 5432 }] } },
  },
  'Secret of a client': {
    resource: builtInResources.secrets,
    name: 'site-oidc',
    content: { stringData: { theirs: 'yes' } },
  },
} as const satisfies Record<string, Squat>;
export type SquatName = keyof typeof squats;

// The names of the table are its keys.
export const squatNames = Object.keys(squats) as readonly SquatName[];

/** What a stranger has put somewhere, as it was made. */
export type Squatter = { readonly reference: ObjectReference; readonly made: LiveObject };

/** Puts a stranger's object there. @returns undefined where the name is taken, as a rule by the tenant. */
export const squat = async ({ cluster, namespace }: World, what: SquatName): Promise<Squatter | undefined> => {
  const { resource, name, content }: Squat = squats[what];
  const { apiVersion, kind } = resource;
  const object: DesiredObject = { apiVersion, kind, metadata: { name, namespace }, ...content };
  try {
    return { reference: { resource, namespace, name }, made: await cluster.client.create(object) };
  } catch (error) {
    if (hasReason(error, 'AlreadyExists')) return undefined;
    throw error;
  }
};

/** Takes it away. @throws Error when it is not as it was made: nobody but its stranger may touch it. */
export const leave = async ({ cluster }: World, { reference, made }: Squatter): Promise<void> => {
  const present = await cluster.client.get(reference);
  const { uid, resourceVersion } = made.metadata;
  if (present?.metadata.uid !== uid || present.metadata.resourceVersion !== resourceVersion)
    throw new Error(
      `the ${reference.resource.kind} "${reference.name}" of a stranger was touched: ${JSON.stringify(present)}`,
    );
  await cluster.client.delete(reference, { preconditions: { uid } });
};
