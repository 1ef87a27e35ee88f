import { z } from 'zod';
import { commonSettingsSchema, logLevelSchema, peerSettingsSchema } from '../shared/service-settings.ts';

/** The entrance for clients with certificates (mutual TLS, RFC 8705), apart from the one that browsers use. */
const clientCertificatesSchema = z.object({
  port: z.int().min(0).max(65_535),
  /** Its address for clients, `https://mtls.id.example.com`. */
  origin: z.url(),
  /** Folder with `tls.crt` and `tls.key` of its own certificate; reread when it changes. */
  tlsDirectory: z.string().min(1),
  /** Folder with `ca.crt`, the CAs of clients' certificates; reread when it changes. Absent: only registered ones count. */
  caDirectory: z.string().min(1).optional(),
});

/** Settings of the gateway that need a restart. */
export const gatewaySettingsSchema = commonSettingsSchema.extend({
  /** The public entrance: HTTPS when `publicTlsDirectory` is set, plain HTTP behind an Ingress otherwise. */
  publicPort: z.int().min(0).max(65_535),
  /** Folder with `tls.crt` and `tls.key` of the public certificate; reread when it changes. */
  publicTlsDirectory: z.string().min(1).optional(),
  clientCertificates: clientCertificatesSchema.optional(),
  /** mTLS: `/internal/*` for the operator. */
  internalPort: z.int().min(0).max(65_535),
  issuer: z.url(),
  auth: peerSettingsSchema,
  /** Whose revocations are followed. */
  tokenStore: peerSettingsSchema,
  /** Folder with `keyring.json` alone, no private key; reread when it changes. */
  keyringDirectory: z.string().min(1),
  /** How far clocks may differ, seconds. */
  clockSkewSeconds: z.int().min(0),
});
export type GatewaySettings = z.infer<typeof gatewaySettingsSchema>;

export const gatewayRouteSchema = z.object({
  name: z.string().min(1),
  /** Matches the whole path or a prefix that ends at a `/`; the longest prefix wins. */
  pathPrefix: z.string().startsWith('/'),
  methods: z.array(z.string()).optional(),
  /** Base URL of the service behind, `http://a.shop.svc.cluster.local:8080`. */
  upstreamUrl: z.url(),
  /** Required: 401 without a token. Optional: an absent token is let through, a bad one is not. None: no token is read. */
  authentication: z.enum(['Required', 'Optional', 'None']),
  /** `aud` that the access token must name; absent means the issuer itself. */
  audience: z.string().optional(),
  /** All of them must be in the token's `scope`; else 403. */
  scopes: z.array(z.string()),
  stripPrefix: z.boolean(),
  timeoutMilliseconds: z.int().min(1),
});
export type GatewayRoute = z.infer<typeof gatewayRouteSchema>;

/** Settings of the gateway that change without a restart. */
export const gatewayLiveSettingsSchema = z.object({
  logLevel: logLevelSchema,
  /** Addresses or ranges (CIDR) of proxies in front, whose `X-Forwarded-For` is believed. */
  trustedProxies: z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])).default([]),
  routes: z.array(gatewayRouteSchema),
});
export type GatewayLiveSettings = z.infer<typeof gatewayLiveSettingsSchema>;
