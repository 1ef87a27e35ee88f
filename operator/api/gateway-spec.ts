import { z } from 'zod';
import { celRules, listMapBy, matches } from './cel-rules.ts';
import { durationBetween } from './duration.ts';
import { hostPattern } from './https-url.ts';
import { objectName, secretReference } from './object-reference.ts';
import { annotationsSchema, namespaceNameSchema, subdomainPattern } from './qualified-name.ts';
import { workloadRules, workloadShape } from './workload-spec.ts';

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
    // A scope token of RFC 6749: a token could never hold another.
    .array(
      z
        .string()
        .min(1)
        .max(256)
        .regex(/^[!#-[\]-~]+$/),
    )
    .max(32)
    .default([])
    .describe('All of them must be in the token; else 403.'),
  stripPrefix: z.boolean().default(false).describe('Take the prefix off the path before it is passed on.'),
  timeout: durationBetween('routes[].timeout', '1ms', '24h')
    .default('30s')
    .describe(
      'Until the head of the answer, all attempts and the upload included; then the longest silence in its body.',
    ),
});

/** Whether two list elements have the same value of an optional member, or both none: bounded, unlike `orValue`. */
const isSame = (member: string): string =>
  `has(one.${member}) == has(other.${member}) && (!has(one.${member}) || one.${member} == other.${member})`;
/** Of two references; `namespace` is a word of CEL's own. */
const isSameGateway = `one.name == other.name && ${isSame('__namespace__')}`;

const serviceSchema = z
  .object({
    type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']).default('ClusterIP').describe('Type of the Service.'),
    annotations: annotationsSchema('service.annotations')
      .optional()
      .describe('Annotations of that Service, such as a load balancer reads.'),
  })
  .prefault({});

const exposureSchema = z
  .object({
    service: serviceSchema.describe('The Service of the gateway, which is always there.'),
    ingress: z
      .object({
        className: objectName.optional().describe("IngressClass. Unset: the cluster's default."),
        tlsSecretName: objectName
          .optional()
          .describe('Secret with `tls.crt` and `tls.key` for the host of the issuer, which the controller serves.'),
        annotations: annotationsSchema('ingress.annotations')
          .optional()
          .describe('Annotations of the Ingress: what its controller has to know, such as HTTPS to the gateway.'),
      })
      .optional()
      .describe('An Ingress for the host of the issuer.'),
    gatewayAPI: z
      .object({
        parentRefs: z
          .array(
            z.object({
              name: objectName.describe('Name of the Gateway.'),
              namespace: namespaceNameSchema.optional().describe('Its namespace. Unset: that of the tenant.'),
              sectionName: z
                .string()
                .min(1)
                .max(253)
                .regex(subdomainPattern)
                .optional()
                .describe('One listener of it. Unset: all that fit.'),
              port: z.int().min(1).max(65_535).optional().describe('Port of the listener.'),
            }),
          )
          .min(1)
          .max(32)
          .describe('Gateways that the HTTPRoute is attached to.')
          .meta(
            celRules(
              // What both channels of the Gateway API take: in the standard one a port tells no two references apart.
              {
                rule: `self.all(one, self.exists_one(other, ${isSameGateway} && ${isSame('sectionName')}))`,
                message:
                  'gatewayAPI.parentRefs: the same Gateway and sectionName twice; take one away, or name another listener by its sectionName: a port alone is not enough',
              },
              {
                rule: `self.all(one, self.all(other, !(${isSameGateway}) || has(one.sectionName) == has(other.sectionName)))`,
                message:
                  'gatewayAPI.parentRefs: of several references to one Gateway each needs a sectionName; without one it means all listeners',
              },
              {
                rule: `self.all(one, self.all(other, !(${isSameGateway}) || has(one.port) == has(other.port)))`,
                message: 'gatewayAPI.parentRefs: of several references to one Gateway all name a port, or none does',
              },
            ),
          ),
        backendCAConfigMapRef: z
          .object({ name: objectName.describe('Name of a ConfigMap in the namespace of the tenant.') })
          .optional()
          .describe(
            'ConfigMap with `ca.crt`, by which the Gateway verifies the certificate of `gateway.tls`. Unset: the CAs of its system.',
          ),
      })
      .optional()
      .describe(
        'An HTTPRoute of the Gateway API for the host of the issuer; with `gateway.tls` a BackendTLSPolicy beside it.',
      ),
  })
  .prefault({})
  .describe('How customers reach the gateway. Its Service listens on the port of the issuer, or on 80 without TLS.')
  .meta(
    celRules({
      rule: '!(has(self.ingress) && has(self.gatewayAPI))',
      message: 'exposure: set at most one of ingress, gatewayAPI',
    }),
  );

/** An address or a range of them, IPv4 or IPv6. */
const proxyRange = z
  .string()
  .max(43)
  .meta(
    celRules({
      rule: 'isIP(self) || isCIDR(self)',
      message: 'trustedProxies: write an address such as 10.0.0.7, or a range such as 10.0.0.0/8 or fd00::/8',
    }),
  );

const clientCertificatesSchema = z
  .object({
    host: z
      .string()
      .max(253)
      .describe(
        'Host by which clients with certificates reach the gateway, on the port of the issuer: not that of the issuer, where browsers would ask people for certificates. It leads to the Service `<tenant>-gateway-certificates`, past everything that ends TLS.',
      )
      .meta(
        celRules(
          matches(hostPattern, 'clientCertificates.host: write a DNS name in lower case such as mtls.id.example.com'),
        ),
      ),
    tlsSecretName: objectName.describe('Secret with `tls.crt` and `tls.key` for that host.'),
    caSecretRef: secretReference
      .optional()
      .describe(
        'Secret with `ca.crt`: the CAs of the certificates by which clients are known (`tls_client_auth`). Unset: only those that a client has registered itself (`self_signed_tls_client_auth`).',
      ),
    service: serviceSchema.describe('The Service of that entrance.'),
  })
  .optional()
  .describe(
    'An entrance for clients that prove themselves by certificates (mutual TLS, RFC 8705). See docs/client.md.',
  );

export const gatewaySchema = z
  .object({
    ...workloadShape,
    exposure: exposureSchema,
    tls: z
      .object({ secretName: objectName.describe('Name of a Secret with `tls.crt` and `tls.key`.') })
      .optional()
      .describe(
        'Certificate for the host of the issuer; renewed without a restart. Unset: plain HTTP behind your own TLS.',
      ),
    clientCertificates: clientCertificatesSchema,
    drainTimeout: durationBetween('gateway.drainTimeout', '0s', '1h')
      .default('30s')
      .describe('How long a stopping gateway goes on accepting connections.'),
    trustedProxies: z
      .array(proxyRange)
      .max(64)
      .default([])
      .describe('Addresses or ranges (CIDR) of the proxies in front, whose `X-Forwarded-For` is believed.'),
    routes: z
      .array(routeSchema)
      .max(500)
      .default([])
      .describe('Your services behind the gateway.')
      .meta(listMapBy('name')),
  })
  .prefault({})
  .prefault({})
  .describe('The only public entrance: the pages and endpoints of the issuer, and your services.')
  .meta(celRules(...workloadRules));

export type TenantRoute = z.output<typeof routeSchema>;
