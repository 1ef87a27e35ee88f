import { z } from 'zod';
import { conditionsSchema } from './conditions.ts';
import { durationSchema } from './duration.ts';

/** One CEL rule; `message` names the field and says what to write. */
type Rule = { rule: string; message: string; fieldPath?: string };
const rules = (...validations: Rule[]) => ({ 'x-kubernetes-validations': validations });

const secretName = z.string().min(1).max(253);
const secretReference = z.object({ name: secretName.describe('Name of a Secret in the namespace of the tenant.') });

/**
 * Quantities as Kubernetes writes them, `500m`, `1` or `1.5Gi`. Refused here, since the API server would otherwise refuse
 * the objects that are made of it, where nobody looks. Never less than a thousandth.
 */
const quantityPattern = /^([0-9]+m|[0-9]+(\.[0-9]{1,3})?([kMGTPE]|[KMGTPE]i)?)$/;
const quantity = z.union([z.int(), z.string().max(32)]).meta({ pattern: quantityPattern.source, minimum: 0 });
const resourceList = z.object({ cpu: quantity.optional(), memory: quantity.optional() });
const resources = z.object({
  requests: resourceList.optional().describe('What the scheduler sets aside.'),
  limits: resourceList.optional().describe('What the container is held to; above its memory limit it is ended.'),
});

const workloadShape = {
  replicas: z
    .int()
    .min(0)
    .max(1_000)
    .optional()
    .describe('Pods of this service. Default 3, or 1 under `availability.mode: Single`.'),
  resources: resources
    .optional()
    .describe('Requests and limits of the container; they replace the default whole. Default: docs/tenant.md.'),
  logLevel: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('What is logged at least. Changes without a restart.'),
};

const routeSchema = z.object({
  name: z.string().min(1).max(63).describe('Unique in the list.'),
  match: z.object({
    pathPrefix: z
      .string()
      .min(1)
      .max(1_024)
      .regex(/^\/[A-Za-z0-9._~!$&'()*+,;=:@/-]*$/)
      .describe('Whole path or a prefix of it that ends at a slash; the longest one wins.'),
    methods: z
      .array(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']))
      .max(7)
      .optional()
      .describe('Methods that the route takes; GET takes HEAD too. Default: all.'),
  }),
  upstream: z.object({
    service: z
      .string()
      .max(63)
      // A DNS label (RFC 1035, as Services are named): anything else could lead the gateway to another host.
      .regex(/^[a-z]([a-z0-9-]*[a-z0-9])?$/)
      .describe('Name of a Service in the namespace of the tenant.'),
    port: z.int().min(1).max(65_535).describe('Port of that Service; plain HTTP is spoken to it.'),
  }),
  authentication: z
    .enum(['Required', 'Optional', 'None'])
    .default('Required')
    .describe(
      'Required: 401 without a valid access token. Optional: a request without one passes, one with a bad one does not.',
    ),
  audience: z.string().min(1).max(2_048).optional().describe('`aud` that the token must name. Default: the issuer.'),
  scopes: z
    .array(z.string().min(1).max(256))
    .max(32)
    .default([])
    .describe('All of them must be in the token; else 403.'),
  stripPrefix: z.boolean().default(false).describe('Take the prefix off the path before it is passed on.'),
  timeout: durationSchema
    .default('30s')
    .describe(
      'Until the head of the answer, all attempts and the upload included; then the longest silence in its body.',
    ),
});

/**
 * The issuer is compared by string by every client, so one spelling only: https, no user info, query, fragment, no
 * trailing slash, no dot segments. A regular expression of its own, since CEL's isURL lets all of these through.
 */
const issuerPattern =
  /^https:\/\/[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[1-9][0-9]{0,4})?(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$/;

export const tenantSpecSchema = z
  .object({
    issuer: z
      .string()
      .max(512)
      .describe('The issuer of all tokens: the https URL under which customers reach the gateway. Cannot be changed.')
      .meta(
        rules(
          {
            rule: `self.matches('${issuerPattern.source.replaceAll('\\', '\\\\')}')`,
            message:
              'issuer must be an https URL in lower case such as https://id.example.com, without user info, query, fragment or trailing slash',
          },
          { rule: 'self == oldSelf', message: 'issuer cannot be changed: create another IdentityTenant' },
        ),
      ),
    version: z
      .string()
      .max(63)
      .optional()
      .describe('Version of the services. Set: pinned. Unset: the operator chooses its own.'),
    image: z
      .string()
      .min(1)
      .max(512)
      .optional()
      .describe('Image of the services; needs `version`, which it must be of.'),
    paused: z.boolean().default(false).describe('Stop reconciling; what runs goes on running.'),
    deletionPolicy: z
      .enum(['Retain', 'Delete'])
      .default('Retain')
      .describe('What becomes of keys, credentials and the database volume when the tenant is deleted.'),
    availability: z
      .object({
        mode: z
          .enum(['HighlyAvailable', 'Single'])
          .default('HighlyAvailable')
          .describe('Single: one pod a service and no disruption budget, for evaluation.'),
        zoneSpread: z
          .enum(['Preferred', 'Required'])
          .default('Preferred')
          .describe('Required: a pod that cannot keep the zones balanced waits, and Ready needs two zones.'),
        topologyKey: z
          .string()
          .min(1)
          .max(316)
          .default('topology.kubernetes.io/zone')
          .describe('Label of nodes whose value is the zone.'),
      })
      .prefault({})
      .describe('How many pods there are, and how they stand in the zones.'),
    database: z
      .object({
        connection: z
          .object({ secretRef: secretReference })
          .optional()
          .describe(
            'A PostgreSQL of yours. Secret with `url` (its owner, used by migrations) and optionally `ca.crt`.',
          ),
        managed: z
          .object({
            storage: z
              .string()
              .max(32)
              .regex(quantityPattern)
              .default('10Gi')
              .describe('Size of the volume. Taken when the database is made.'),
            storageClassName: z
              .string()
              .max(253)
              .optional()
              .describe("StorageClass of the volume. Default: the cluster's. Taken when the database is made."),
            image: z.string().min(1).max(512).optional().describe('PostgreSQL image. Default: postgres:18.'),
            nodeSelector: z
              .record(z.string().max(317), z.string().max(63))
              .optional()
              .describe('Labels of the nodes on which the database may run.'),
            resources: workloadShape.resources,
          })
          .optional()
          .describe('One PostgreSQL with a volume, run by the operator: for evaluation and small tenants.'),
      })
      .optional()
      .describe('Where data lives. Unset: managed.')
      .meta(
        rules({
          rule: '!(has(self.connection) && has(self.managed))',
          message: 'set at most one of connection, managed',
        }),
      ),
    gateway: z
      .object({
        ...workloadShape,
        exposure: z
          .object({
            service: z
              .object({
                type: z
                  .enum(['ClusterIP', 'NodePort', 'LoadBalancer'])
                  .default('ClusterIP')
                  .describe('Type of the Service of the gateway.'),
              })
              .prefault({}),
          })
          .prefault({})
          .describe(
            'How customers reach the gateway. Its Service listens on the port of the issuer, or on 80 without TLS.',
          ),
        tls: z
          .object({ secretName: secretName.describe('Name of a Secret with `tls.crt` and `tls.key`.') })
          .optional()
          .describe(
            'Certificate for the host of the issuer; renewed without a restart. Unset: plain HTTP behind your own TLS.',
          ),
        drainTimeout: durationSchema
          .default('30s')
          .describe('How long a stopping gateway goes on accepting connections.'),
        routes: z
          .array(routeSchema)
          .max(500)
          .default([])
          .describe('Your services behind the gateway.')
          .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }),
      })
      .prefault({})
      .describe('The only public entrance: the pages and endpoints of the issuer, and your services.'),
    auth: z
      .object({
        ...workloadShape,
        registration: z
          .object({ enabled: z.boolean().default(true).describe('Whether people may sign themselves up.') })
          .prefault({}),
        passwordPolicy: z
          .object({ minimumLength: z.int().min(8).max(64).default(15).describe('Characters of a new password.') })
          .prefault({})
          .describe('NIST SP 800-63B-4: 15 characters when a password is the only factor; no composition rules.'),
        session: z
          .object({
            idleTimeout: durationSchema.default('720h').describe('A session ends when it is not used for so long.'),
            absoluteTimeout: durationSchema.default('4320h').describe('A session ends so long after the sign-in.'),
          })
          .prefault({})
          .describe('How long somebody stays signed in.'),
        branding: z
          .object({
            name: z
              .string()
              .min(1)
              .max(100)
              .optional()
              .describe('Shown on the pages. Default: the name of the tenant.'),
            logoUrl: z
              .string()
              .max(2_048)
              .regex(/^https:\/\//)
              .optional()
              .describe('Logo on the pages.'),
            primaryColor: z
              .string()
              .max(7)
              .regex(/^#[0-9a-fA-F]{6}$/)
              .optional()
              .describe('Colour of buttons and links; made readable where it is not.'),
          })
          .prefault({})
          .describe('How the pages look. Changes without a restart.'),
      })
      .prefault({})
      .describe('The OpenID provider: accounts, sign-in, its pages.'),
    tokenStore: z.object(workloadShape).prefault({}).describe('Where tokens, sessions and grants are kept.'),
    tokens: z
      .object({
        accessTokenTTL: durationSchema
          .default('10m')
          .describe('Lifetime of access tokens: the gateway and services accept one until its end.'),
        refreshTokenTTL: durationSchema.default('720h').describe('Slides with each use.'),
        refreshTokenAbsoluteTTL: durationSchema
          .default('4320h')
          .describe('Whatever its use, a family of refresh tokens ends so long after its first one.'),
        idTokenTTL: durationSchema.default('10m').describe('Lifetime of ID tokens.'),
        authorizationCodeTTL: durationSchema.default('60s').describe('Time to exchange a code.'),
      })
      .prefault({})
      .describe('Lifetimes.'),
    keys: z
      .object({
        algorithm: z
          .enum(['ES256', 'EdDSA', 'RS256', 'PS256'])
          .default('ES256')
          .describe('Of the signing key. Taken when the key is made.'),
        jwksMaxAge: durationSchema.default('10m').describe('How long verifiers may cache the JWKS.'),
        clockSkew: durationSchema.default('30s').describe('The largest difference between any two clocks.'),
      })
      .prefault({})
      .describe('The key that signs tokens.'),
  })
  .meta(
    rules(
      {
        rule: '!has(self.image) || has(self.version)',
        message: 'image needs version: say which version of the services the image is',
      },
      {
        // Accounts do not move by themselves: an empty database would take the place of a full one.
        rule: 'self.paused || (has(self.database) && has(self.database.connection)) == (has(oldSelf.database) && has(oldSelf.database.connection))',
        message:
          'database: changing between managed and connection leaves all data behind; set paused, move the data, and unset it',
      },
    ),
  );

/** Spec with every default filled in. */
export type TenantSpec = z.output<typeof tenantSpecSchema>;
export type TenantRoute = TenantSpec['gateway']['routes'][number];

const serviceStatusSchema = z.object({
  desired: z.int().describe('Pods that there should be.'),
  ready: z.int().describe('Pods that are ready.'),
  updated: z.int().describe('Pods of the current revision.'),
  zones: z.array(z.string().max(253)).max(64).describe('Zones in which a pod is ready.'),
});

export const tenantStatusSchema = z.object({
  observedGeneration: z.int().optional().describe('Generation of the spec that the status speaks of.'),
  conditions: conditionsSchema.optional().describe('See docs/conditions.md.'),
  endpoints: z
    .object({ issuer: z.string().max(512), discovery: z.string().max(1_024) })
    .optional()
    .describe('Where applications find the tenant.'),
  version: z.string().max(63).optional().describe('Version of the services that run.'),
  services: z
    .object({
      gateway: serviceStatusSchema.optional(),
      auth: serviceStatusSchema.optional(),
      tokenStore: serviceStatusSchema.optional(),
    })
    .optional(),
  zones: z.string().max(16).optional().describe('Zones in which every service has a ready pod, of all zones.'),
  keys: z
    .array(
      z.object({
        kid: z.string().max(64),
        algorithm: z.string().max(16),
        state: z.string().max(16).describe('Active: it signs.'),
        since: z.iso.datetime().describe('When it came into this state.'),
      }),
    )
    .max(64)
    .optional()
    .describe('Signing keys.')
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['kid'] }),
});
export type TenantStatus = z.output<typeof tenantStatusSchema>;

const metadataSchema = z.looseObject({
  name: z.string(),
  namespace: z.string(),
  uid: z.string(),
  generation: z.int().default(1),
  resourceVersion: z.string().optional(),
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
  finalizers: z.array(z.string()).default([]),
  annotations: z.record(z.string(), z.string()).default({}),
});

/** Lenient: fields that a newer CRD allows are dropped, not refused. */
export const identityTenantSchema = z.object({
  metadata: metadataSchema,
  spec: tenantSpecSchema,
  status: tenantStatusSchema.prefault({}),
});
export type IdentityTenant = z.output<typeof identityTenantSchema>;
