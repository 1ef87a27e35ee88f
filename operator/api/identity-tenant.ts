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

const workloadShape = {
  replicas: z
    .int()
    .min(0)
    .max(1_000)
    .optional()
    .describe('Pods of this service. Default 3, or 1 under `availability.mode: Single`.'),
  resources: z
    .object({ requests: resourceList.optional(), limits: resourceList.optional() })
    .optional()
    .describe('Requests and limits of the container. Default: see docs/reference; no CPU limit.'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Changes without a restart.'),
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
      .optional(),
  }),
  upstream: z.object({
    service: z.string().min(1).max(63).describe('Name of a Service in the namespace of the tenant.'),
    port: z.int().min(1).max(65_535),
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
  timeout: durationSchema.default('30s'),
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
        topologyKey: z.string().min(1).max(316).default('topology.kubernetes.io/zone'),
      })
      .prefault({}),
    database: z
      .object({
        connection: z
          .object({ secretRef: secretReference })
          .optional()
          .describe('Secret with `url` (owner of the database, used by migrations) and optionally `ca.crt`.'),
        managed: z
          .object({
            storage: z.string().max(32).regex(quantityPattern).default('10Gi'),
            storageClassName: z.string().max(253).optional(),
            image: z.string().min(1).max(512).optional().describe('PostgreSQL image. Default: postgres:18.'),
            nodeSelector: z.record(z.string().max(317), z.string().max(63)).optional(),
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
              .object({ type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']).default('ClusterIP') })
              .prefault({}),
          })
          .prefault({})
          .describe('How customers reach the gateway. The Service listens on the port of the issuer.'),
        tls: z
          .object({ secretName: secretName })
          .optional()
          .describe(
            'Secret of type kubernetes.io/tls for the host of the issuer. Unset: plain HTTP behind your own TLS.',
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
      .prefault({}),
    auth: z
      .object({
        ...workloadShape,
        registration: z.object({ enabled: z.boolean().default(true) }).prefault({}),
        passwordPolicy: z
          .object({ minimumLength: z.int().min(8).max(64).default(15) })
          .prefault({})
          .describe('NIST SP 800-63B-4: 15 characters when a password is the only factor; no composition rules.'),
        session: z
          .object({ idleTimeout: durationSchema.default('720h'), absoluteTimeout: durationSchema.default('4320h') })
          .prefault({}),
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
              .optional(),
            primaryColor: z
              .string()
              .max(7)
              .regex(/^#[0-9a-fA-F]{6}$/)
              .optional(),
          })
          .prefault({})
          .describe('Changes without a restart.'),
      })
      .prefault({}),
    tokenStore: z.object(workloadShape).prefault({}),
    tokens: z
      .object({
        accessTokenTTL: durationSchema.default('10m'),
        refreshTokenTTL: durationSchema.default('720h').describe('Slides with each use.'),
        refreshTokenAbsoluteTTL: durationSchema.default('4320h'),
        idTokenTTL: durationSchema.default('10m'),
        authorizationCodeTTL: durationSchema.default('60s'),
      })
      .prefault({}),
    keys: z
      .object({
        algorithm: z.enum(['ES256', 'EdDSA', 'RS256', 'PS256']).default('ES256'),
        jwksMaxAge: durationSchema.default('10m').describe('How long verifiers may cache the JWKS.'),
        clockSkew: durationSchema.default('30s').describe('The largest difference between any two clocks.'),
      })
      .prefault({}),
  })
  .meta(
    rules({
      rule: '!has(self.image) || has(self.version)',
      message: 'image needs version: say which version of the services the image is',
    }),
  );

/** Spec with every default filled in. */
export type TenantSpec = z.output<typeof tenantSpecSchema>;
export type TenantRoute = TenantSpec['gateway']['routes'][number];

const serviceStatusSchema = z.object({
  desired: z.int(),
  ready: z.int(),
  updated: z.int(),
  zones: z.array(z.string().max(253)).max(64),
});

export const tenantStatusSchema = z.object({
  observedGeneration: z.int().optional(),
  conditions: conditionsSchema.optional(),
  endpoints: z.object({ issuer: z.string().max(512), discovery: z.string().max(1_024) }).optional(),
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
        state: z.string().max(16),
        since: z.iso.datetime(),
      }),
    )
    .max(64)
    .optional()
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
