import { z } from 'zod';
import { authSchema } from './auth-spec.ts';
import { celRules, listMapBy, matches } from './cel-rules.ts';
import { databaseSchema, databaseTransitionRules } from './database-spec.ts';
import { durationBetween } from './duration.ts';
import { gatewaySchema } from './gateway-spec.ts';
import { issuerPattern } from './https-url.ts';
import { configMapKeyReference, objectName, secretKeyReference, secretReference } from './object-reference.ts';
import { imageSchema, qualifiedNameSchema } from './qualified-name.ts';
import { tenantStatusSchema } from './tenant-status.ts';
import { workloadRules, workloadShape } from './workload-spec.ts';

const trustBundleSchema = z
  .object({
    configMapRef: configMapKeyReference.optional().describe('A key of a ConfigMap.'),
    secretRef: secretKeyReference.optional().describe('A key of a Secret.'),
  })
  .meta(
    celRules({
      rule: 'has(self.configMapRef) != has(self.secretRef)',
      message: 'trustBundles: set exactly one of configMapRef, secretRef in each',
    }),
  );

export const tenantSpecSchema = z
  .object({
    issuer: z
      .string()
      .max(512)
      .describe('The issuer of all tokens: the https URL under which customers reach the gateway. Cannot be changed.')
      .meta(
        celRules(
          matches(
            issuerPattern,
            'issuer must be an https URL in lower case such as https://id.example.com, with a DNS name, without user info, query, fragment or trailing slash',
          ),
          {
            // What an Ingress or an HTTPRoute takes at most; RFC 1035 has the same for names.
            rule: "!self.matches('^https://[^/:]{254}')",
            message: 'issuer has a host of more than 253 characters: no DNS name is so long',
          },
          { rule: 'self == oldSelf', message: 'issuer cannot be changed: create another IdentityTenant' },
        ),
      ),
    version: z
      .string()
      .max(63)
      .meta(
        celRules(
          matches(
            /^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]*[0-9A-Za-z])?$/,
            'version must be three numbers such as 1.2.3, or a preliminary one such as 1.2.3-rc.1; leave it out to follow the operator',
          ),
        ),
      )
      .optional()
      .describe('Version of the services, such as `1.2.3`. Set: pinned. Unset: it follows the operator, in waves.'),
    image: imageSchema.optional().describe('Image of the services; needs `version`, which it must be of.'),
    imagePullSecrets: z
      .array(z.object({ name: objectName.describe('Name of a Secret in the namespace of the tenant.') }))
      .max(16)
      .default([])
      .describe('Secrets by which the images are pulled.')
      .meta(listMapBy('name')),
    updatePolicy: z
      .object({
        wave: z
          .int()
          .min(0)
          .max(1_000)
          .default(0)
          .describe('Tenants of a lower wave follow a new version of the operator first.'),
      })
      .prefault({})
      .describe('When a tenant without `version` follows the operator.'),
    paused: z.boolean().default(false).describe('Stop reconciling; what runs goes on running.'),
    deletionPolicy: z
      .enum(['Retain', 'Delete'])
      .default('Retain')
      .describe('What becomes of keys, credentials and the database volume when the tenant is deleted.'),
    trustBundles: z
      .array(trustBundleSchema)
      .max(16)
      .default([])
      .describe(
        'PEM certificates that the services trust beside those of their system, when they connect to databases, caches and your services. Reloaded without a restart.',
      )
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
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
        topologyKey: qualifiedNameSchema
          .default('topology.kubernetes.io/zone')
          .describe('Label of nodes whose value is the zone.'),
      })
      .prefault({})
      .describe('How many pods there are, and how they stand in the zones.'),
    database: databaseSchema.optional(),
    cache: z
      .object({ connection: z.object({ secretRef: secretReference }) })
      .optional()
      .describe(
        'A Redis or Valkey of yours: Secret with `url` and optionally `ca.crt`. It makes answers quicker; none depends on it.',
      ),
    gateway: gatewaySchema,
    auth: authSchema,
    tokenStore: z
      .object(workloadShape)
      .prefault({})
      .describe('Where tokens, sessions and grants are kept.')
      .meta(celRules(...workloadRules)),
    tokens: z
      .object({
        accessTokenTTL: durationBetween('tokens.accessTokenTTL', '1s', '24h')
          .default('10m')
          .describe('Lifetime of access tokens: the gateway accepts one until then, unless it is revoked.'),
        refreshTokenTTL: durationBetween('tokens.refreshTokenTTL', '1s', '87600h')
          .default('720h')
          .describe('Slides with each use.'),
        refreshTokenAbsoluteTTL: durationBetween('tokens.refreshTokenAbsoluteTTL', '1s', '87600h')
          .default('4320h')
          .describe('Whatever its use, a family of refresh tokens ends so long after its first one.'),
        refreshReplayLeeway: durationBetween('tokens.refreshReplayLeeway', '0s', '5m')
          .default('10s')
          .describe(
            'For so long a client that did not get the answer to a refresh may ask again, and gets the same one; 0s: never.',
          ),
        idTokenTTL: durationBetween('tokens.idTokenTTL', '1s', '24h').default('10m').describe('Lifetime of ID tokens.'),
        authorizationCodeTTL: durationBetween('tokens.authorizationCodeTTL', '1s', '10m')
          .default('60s')
          .describe('Time to exchange a code.'),
      })
      .prefault({})
      .describe('Lifetimes.'),
    keys: z
      .object({
        algorithm: z
          .enum(['ES256', 'EdDSA', 'RS256', 'PS256'])
          .default('ES256')
          .describe('Of the signing key. Taken when the key is made.'),
        jwksMaxAge: durationBetween('keys.jwksMaxAge', '0s', '24h')
          .default('10m')
          .describe('How long verifiers may cache the JWKS.'),
        clockSkew: durationBetween('keys.clockSkew', '0s', '10m')
          .default('30s')
          .describe('The largest difference between any two clocks.'),
      })
      .prefault({})
      .describe('The key that signs tokens.'),
  })
  .meta(
    celRules(
      {
        rule: '!has(self.image) || has(self.version)',
        message: 'image needs version: say which version of the services the image is',
      },
      {
        rule: '!has(self.gateway) || !has(self.gateway.clientCertificates) || url(self.issuer).getHostname() != self.gateway.clientCertificates.host',
        message:
          'gateway.clientCertificates.host must not be the host of the issuer: browsers would ask people for certificates there',
      },
      ...databaseTransitionRules,
    ),
  );

/** Spec with every default filled in. */
export type TenantSpec = z.output<typeof tenantSpecSchema>;

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
