import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { refusalOf, startTestCluster, type TestCluster } from '../testing/test-cluster.ts';
import { buildCustomResourceDefinitions } from './custom-resource-definition.ts';
import { apiVersion } from './group.ts';

type Spec = Readonly<Record<string, unknown>>;

const issuer = 'https://id.example.com';
const route = (more: Spec = {}) => ({
  name: 'orders',
  match: { pathPrefix: '/orders' },
  upstream: { service: 'orders', port: 80 },
  ...more,
});
const routes = (...list: Spec[]) => ({ issuer, gateway: { routes: list } });

const redirectURIs = ['https://app.example.com/callback'];
const client = (more: Spec) => ({ tenantRef: { name: 'acme' }, redirectURIs, ...more });

/** A requirement on the nodes of auth. */
const onNodes = (requirement: Spec) => ({
  issuer,
  auth: {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [requirement] }],
        },
      },
    },
  },
});

/** Durations with what the answer must say of each; 876000h is a hundred years. */
const outOfBounds = (
  [
    ['tokens.accessTokenTTL', '1s', '24h', (value: string) => ({ tokens: { accessTokenTTL: value } })],
    ['tokens.refreshTokenTTL', '1s', '87600h', (value: string) => ({ tokens: { refreshTokenTTL: value } })],
    [
      'tokens.refreshTokenAbsoluteTTL',
      '1s',
      '87600h',
      (value: string) => ({ tokens: { refreshTokenAbsoluteTTL: value } }),
    ],
    ['tokens.idTokenTTL', '1s', '24h', (value: string) => ({ tokens: { idTokenTTL: value } })],
    ['tokens.authorizationCodeTTL', '1s', '10m', (value: string) => ({ tokens: { authorizationCodeTTL: value } })],
    ['tokens.refreshReplayLeeway', '0s', '5m', (value: string) => ({ tokens: { refreshReplayLeeway: value } })],
    ['keys.jwksMaxAge', '0s', '24h', (value: string) => ({ keys: { jwksMaxAge: value } })],
    ['keys.clockSkew', '0s', '10m', (value: string) => ({ keys: { clockSkew: value } })],
    ['audit.retention', '1h', '87600h', (value: string) => ({ auth: { audit: { retention: value } } })],
    ['session.idleTimeout', '1s', '87600h', (value: string) => ({ auth: { session: { idleTimeout: value } } })],
    ['session.absoluteTimeout', '1s', '87600h', (value: string) => ({ auth: { session: { absoluteTimeout: value } } })],
    ['gateway.drainTimeout', '0s', '1h', (value: string) => ({ gateway: { drainTimeout: value } })],
    ['routes[].timeout', '1ms', '24h', (value: string) => ({ gateway: { routes: [route({ timeout: value })] } })],
  ] as const
).flatMap(([field, least, most, spec]): [string, Spec, RegExp][] =>
  [...(least === '0s' ? [] : ['0s']), '876000h'].map((value) => [
    `${field} of ${value}`,
    { issuer, ...spec(value) },
    new RegExp(`${field.replace(/[.[\]]/g, '\\$&')} must be at least ${least} and at most ${most}`),
  ]),
);

/** What a user wrote wrongly, the field that the answer must name, and what it must say. */
const refusedTenants: [string, Spec, RegExp][] = [
  ['no issuer', {}, /spec\.issuer: Required value/],
  [
    'an http issuer, and says nothing of its length',
    { issuer: 'http://id.example.com' },
    /^(?!.*253 characters).*spec\.issuer: .*issuer must be an https URL/s,
  ],
  ['an issuer with a query', { issuer: `${issuer}?a=b` }, /spec\.issuer: .*without user info, query/],
  ['an issuer with user info', { issuer: 'https://me@id.example.com' }, /spec\.issuer: .*without user info/],
  ['an issuer with a fragment', { issuer: `${issuer}#a` }, /spec\.issuer: .*fragment/],
  ['an issuer with a trailing slash', { issuer: `${issuer}/` }, /spec\.issuer: .*trailing slash/],
  ['an issuer with dot segments', { issuer: `${issuer}/a/../b` }, /spec\.issuer: .*issuer must be/],
  ['an issuer in upper case', { issuer: 'https://ID.example.com' }, /spec\.issuer: .*in lower case/],
  ['an issuer without a host', { issuer: 'https:///a' }, /spec\.issuer: .*issuer must be/],
  ['an issuer with port 0', { issuer: 'https://id.example.com:0' }, /spec\.issuer: .*issuer must be/],
  ['an issuer with a line break', { issuer: `${issuer}\n` }, /spec\.issuer: .*issuer must be/],
  ['an issuer of 513 characters', { issuer: `${issuer}/${'a'.repeat(600)}` }, /spec\.issuer: Too long/],
  ['negative replicas', { issuer, auth: { replicas: -1 } }, /spec\.auth\.replicas: .*greater than or equal to 0/],
  ['a fraction of a pod', { issuer, auth: { replicas: 1.5 } }, /spec\.auth\.replicas: .*must be of type integer/],
  [
    'two databases',
    { issuer, database: { managed: {}, connection: { secretRef: { name: 'db' } } } },
    /spec\.database: .*connection.*managed/,
  ],
  ['an image without a version', { issuer, image: 'example.com/identity:1' }, /spec: .*image needs version/],
  [
    'an unknown zone spread',
    { issuer, availability: { zoneSpread: 'Everywhere' } },
    /spec\.availability\.zoneSpread: Unsupported value.*"Preferred", "Required"/,
  ],
  ['an unknown algorithm', { issuer, keys: { algorithm: 'HS256' } }, /spec\.keys\.algorithm: Unsupported value/],
  ['an unknown deletion policy', { issuer, deletionPolicy: 'Keep' }, /spec\.deletionPolicy: Unsupported value/],
  [
    'a storage size that is none',
    { issuer, database: { managed: { storage: 'much' } } },
    /^(?!.*more than nothing).*spec\.database\.managed\.storage: .*storage must be a size such as 20Gi or 512Mi/s,
  ],
  [
    'a negative CPU request',
    { issuer, auth: { resources: { requests: { cpu: -1 } } } },
    /spec\.auth\.resources\.requests\.cpu: .*greater than or equal to 0/,
  ],
  [
    'a CPU request that is none',
    { issuer, auth: { resources: { requests: { cpu: 'half' } } } },
    /spec\.auth\.resources\.requests\.cpu: Invalid value/,
  ],
  [
    'a duration without a unit',
    { issuer, tokens: { accessTokenTTL: '600' } },
    /spec\.tokens\.accessTokenTTL: Invalid value/,
  ],
  [
    'an upstream that is no name of a Service',
    routes(route({ upstream: { service: 'evil.example/', port: 80 } })),
    /spec\.gateway\.routes\[0\]\.upstream\.service: Invalid value/,
  ],
  [
    'a route whose path does not begin with a slash',
    routes(route({ match: { pathPrefix: 'orders' } })),
    /spec\.gateway\.routes\[0\]\.match\.pathPrefix: Invalid value/,
  ],
  [
    'a route with a query in its path',
    routes(route({ match: { pathPrefix: '/orders?a=b' } })),
    /spec\.gateway\.routes\[0\]\.match\.pathPrefix: Invalid value/,
  ],
  ['two routes of one name', routes(route(), route()), /spec\.gateway\.routes\[1\]: Duplicate value.*orders/],
  [
    'a route to port 0',
    routes(route({ upstream: { service: 'orders', port: 0 } })),
    /spec\.gateway\.routes\[0\]\.upstream\.port: Invalid value/,
  ],
  [
    'a CloudNativePG cluster beside a connection',
    { issuer, database: { cloudNativePG: { clusterName: 'db' }, connection: { secretRef: { name: 'db' } } } },
    /spec\.database: .*set at most one of connection, cloudNativePG, managed/,
  ],
  [
    'replicas and autoscaling',
    { issuer, gateway: { replicas: 3, autoscaling: { maxReplicas: 5 } } },
    /spec\.gateway: .*set replicas or autoscaling, not both/,
  ],
  [
    'an autoscaler that may not reach its minimum',
    { issuer, auth: { autoscaling: { maxReplicas: 2 } } },
    /spec\.auth\.autoscaling: .*minReplicas \(3 unless set\) must not be above autoscaling\.maxReplicas/,
  ],
  [
    'an autoscaler without a maximum',
    { issuer, tokenStore: { autoscaling: {} } },
    /spec\.tokenStore\.autoscaling\.maxReplicas: Required value/,
  ],
  [
    "an annotation of the operator's own on pods",
    { issuer, auth: { podAnnotations: { 'identity-operator.io/desired-hash': 'x' } } },
    /spec\.auth\.podAnnotations: .*keys that begin with identity-operator\.io\/ are the operator's/,
  ],
  [
    'a toleration of a value of every taint',
    { issuer, auth: { tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }] } },
    /spec\.auth\.tolerations\[0\]: .*operator Exists takes no value/,
  ],
  [
    'a toleration of no taint',
    { issuer, auth: { tolerations: [{ value: 'b' }] } },
    /spec\.auth\.tolerations\[0\]: .*without a key the operator must be Exists/,
  ],
  [
    'a toleration for a while of what does not evict',
    { issuer, auth: { tolerations: [{ key: 'a', tolerationSeconds: 5 }] } },
    /spec\.auth\.tolerations\[0\]: .*tolerationSeconds needs the effect NoExecute/,
  ],
  [
    'a trust bundle that names nothing',
    { issuer, trustBundles: [{}] },
    /spec\.trustBundles\[0\]: .*set exactly one of configMapRef, secretRef/,
  ],
  [
    'a trust bundle that names two things',
    { issuer, trustBundles: [{ configMapRef: { name: 'a' }, secretRef: { name: 'b' } }] },
    /spec\.trustBundles\[0\]: .*set exactly one of configMapRef, secretRef/,
  ],
  [
    'an Ingress and an HTTPRoute',
    { issuer, gateway: { exposure: { ingress: {}, gatewayAPI: { parentRefs: [{ name: 'public' }] } } } },
    /spec\.gateway\.exposure: .*set at most one of ingress, gatewayAPI/,
  ],
  [
    'an HTTPRoute without a Gateway',
    { issuer, gateway: { exposure: { gatewayAPI: { parentRefs: [] } } } },
    /spec\.gateway\.exposure\.gatewayAPI\.parentRefs: .*at least 1 item/,
  ],
  ['a host of 254 characters', { issuer: `https://${'a.'.repeat(127)}a` }, /spec\.issuer: .*more than 253 characters/],
  ...(
    [
      [
        'a Gateway that is named twice',
        [{ name: 'public' }, { name: 'other' }, { name: 'public' }],
        /Gateway and sectionName twice/,
      ],
      [
        'two ports of a Gateway, which it cannot tell apart',
        [
          { name: 'public', port: 443 },
          { name: 'public', port: 8443 },
        ],
        /Gateway and sectionName twice; .*a port alone is not enough/,
      ],
      [
        'two listeners of a Gateway, one by its port too',
        [
          { name: 'public', sectionName: 'http', port: 80 },
          { name: 'public', sectionName: 'https' },
        ],
        /all name a port, or none does/,
      ],
      [
        'a listener that is named twice',
        [
          { name: 'public', namespace: 'edge', sectionName: 'https', port: 443 },
          { name: 'public', namespace: 'edge', sectionName: 'https', port: 443 },
        ],
        /Gateway and sectionName twice/,
      ],
      [
        'a Gateway and one of its listeners',
        [{ name: 'public' }, { name: 'public', sectionName: 'https' }],
        /each needs a sectionName/,
      ],
    ] as const
  ).map(([what, parentRefs, message]): [string, Spec, RegExp] => [
    what,
    { issuer, gateway: { exposure: { gatewayAPI: { parentRefs } } } },
    new RegExp(`spec\\.gateway\\.exposure\\.gatewayAPI\\.parentRefs: .*${message.source}`),
  ]),
  [
    'a proxy that is no address',
    { issuer, gateway: { trustedProxies: ['everybody'] } },
    /spec\.gateway\.trustedProxies\[0\]: .*write an address such as/,
  ],
  ['a version that is none', { issuer, version: 'latest' }, /spec\.version: .*three numbers such as 1\.2\.3/],
  ['an image with a line break', { issuer, version: '0.1.0', image: 'a\nb' }, /spec\.image: Invalid value/],
  [
    'a wave below the first',
    { issuer, updatePolicy: { wave: -1 } },
    /spec\.updatePolicy\.wave: .*greater than or equal to 0/,
  ],
  [
    'a label of nodes whose key is none',
    { issuer, auth: { nodeSelector: { 'a key': 'b' } } },
    /spec\.auth\.nodeSelector: .*nodeSelector: a key is a name of at most 63/,
  ],
  [
    'an annotation of pods whose key is none',
    { issuer, auth: { podAnnotations: { 'Example.com/a/b': 'c' } } },
    /spec\.auth\.podAnnotations: .*podAnnotations: a key is a name of at most 63/,
  ],
  [
    'a label of pods whose key is none',
    {
      issuer,
      auth: {
        affinity: {
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              { topologyKey: 'a', labelSelector: { matchLabels: { '-': 'b' } } },
            ],
          },
        },
      },
    },
    /labelSelector\.matchLabels: .*matchLabels: a key is a name of at most 63/,
  ],
  [
    'an annotation of its Service whose key is none',
    { issuer, gateway: { exposure: { service: { annotations: { 'a,b': 'c' } } } } },
    /exposure\.service\.annotations: .*service\.annotations: a key is a name of at most 63/,
  ],
  [
    "an annotation of the operator's own on its Service",
    { issuer, gateway: { exposure: { service: { annotations: { 'identity-operator.io/a': 'c' } } } } },
    /exposure\.service\.annotations: .*service\.annotations: keys that begin with identity-operator\.io/,
  ],
  [
    'an annotation of its Ingress whose key is none',
    { issuer, gateway: { exposure: { ingress: { annotations: { 'a,b': 'c' } } } } },
    /exposure\.ingress\.annotations: .*ingress\.annotations: a key is a name of at most 63/,
  ],
  [
    "an annotation of the operator's own on its Ingress",
    { issuer, gateway: { exposure: { ingress: { annotations: { 'identity-operator.io/a': 'c' } } } } },
    /exposure\.ingress\.annotations: .*ingress\.annotations: keys that begin with identity-operator\.io/,
  ],
  [
    'a requirement on nodes without values',
    onNodes({ key: 'a', operator: 'In' }),
    /matchExpressions\[0\]: .*In and NotIn \(Gt, Lt\) need values, Exists and DoesNotExist take none/,
  ],
  [
    'a requirement on nodes that compares with a word',
    onNodes({ key: 'a', operator: 'Gt', values: ['many'] }),
    /matchExpressions\[0\]: .*Gt and Lt take exactly one value, a whole number/,
  ],
  [
    'requests of CPU above the limit',
    { issuer, auth: { resources: { requests: { cpu: 2 }, limits: { cpu: '1500m' } } } },
    /spec\.auth\.resources: .*resources\.requests\.cpu must not be above resources\.limits\.cpu/,
  ],
  [
    'requests of memory above the limit',
    { issuer, auth: { resources: { requests: { memory: '2Gi' }, limits: { memory: '1Gi' } } } },
    /spec\.auth\.resources: .*resources\.requests\.memory must not be above resources\.limits\.memory/,
  ],
  [
    'an autoscaler whose percentage is of nothing',
    { issuer, auth: { autoscaling: { maxReplicas: 5 }, resources: { requests: { memory: '1Gi' } } } },
    /spec\.auth: .*autoscaling needs resources\.requests\.cpu/,
  ],
  [
    'a volume of nothing',
    { issuer, database: { managed: { storage: '0Gi' } } },
    /spec\.database\.managed\.storage: .*storage must be more than nothing/,
  ],
  ['an issuer whose host is a number', { issuer: 'https://id.1' }, /spec\.issuer: .*with a DNS name/],
  [
    'an issuer with a port beyond the last',
    { issuer: 'https://id.example.com:65536' },
    /spec\.issuer: .*issuer must be/,
  ],
  [
    'a scope with a space',
    routes(route({ scopes: ['a b'] })),
    /spec\.gateway\.routes\[0\]\.scopes\[0\]: Invalid value/,
  ],
  [
    'a logo without a host',
    { issuer, auth: { branding: { logoUrl: 'https:///logo' } } },
    /spec\.auth\.branding\.logoUrl: Invalid value/,
  ],
  [
    'certificates at the host of the issuer',
    { issuer, gateway: { clientCertificates: { host: new URL(issuer).hostname, tlsSecretName: 'a' } } },
    /spec: .*clientCertificates\.host must not be the host of the issuer/,
  ],
  [
    'certificates at a host that is none',
    { issuer, gateway: { clientCertificates: { host: 'https://mtls.example.com', tlsSecretName: 'a' } } },
    /spec\.gateway\.clientCertificates\.host: .*write a DNS name in lower case/,
  ],
  ...outOfBounds,
  ['a cache without its Secret', { issuer, cache: {} }, /spec\.cache\.connection: Required value/],
];

const refusedClients: [string, Spec, RegExp][] = [
  ['no tenant', { redirectURIs }, /spec\.tenantRef: Required value/],
  [
    'no redirect URI for authorization_code',
    client({ redirectURIs: [] }),
    /spec: .*redirectURIs must name at least one URI for the grant type authorization_code/,
  ],
  [
    'a public client with client_credentials',
    client({ tokenEndpointAuthMethod: 'none', grantTypes: ['authorization_code', 'client_credentials'] }),
    /spec: .*grantTypes cannot hold client_credentials for a public client/,
  ],
  [
    'a redirect URI with a fragment',
    client({ redirectURIs: ['https://app.example.com/callback#here'] }),
    /spec\.redirectURIs\[0\]: .*redirectURIs: write an https URL; .*without fragment/,
  ],
  [
    'an http redirect URI that is not of this machine',
    client({ redirectURIs: ['http://app.example.com/callback'] }),
    /spec\.redirectURIs\[0\]: .*for a native app, http:\/\/localhost/,
  ],
  [
    'an http redirect URI that only begins like one of this machine',
    client({ redirectURIs: ['http://localhost.example.com/callback'] }),
    /spec\.redirectURIs\[0\]: .*write an https URL/,
  ],
  [
    'a script as redirect URI',
    client({ redirectURIs: ['javascript:alert(1)'] }),
    /spec\.redirectURIs\[0\]: .*write an https URL/,
  ],
  [
    'a redirect URI with a space',
    client({ redirectURIs: ['https://app.example.com/call back'] }),
    /spec\.redirectURIs\[0\]: .*write an https URL/,
  ],
  [
    'a script as a URI after signing out',
    client({ postLogoutRedirectURIs: ['javascript:alert(1)'] }),
    /spec\.postLogoutRedirectURIs\[0\]: .*postLogoutRedirectURIs: write an https URL/,
  ],
  [
    'private_key_jwt without a key',
    client({ tokenEndpointAuthMethod: 'private_key_jwt' }),
    /spec: .*jwks must hold a public key/,
  ],
  [
    'tls_client_auth of nobody',
    client({ tokenEndpointAuthMethod: 'tls_client_auth' }),
    /spec: .*tlsClientAuth goes together with the tokenEndpointAuthMethod tls_client_auth/,
  ],
  [
    'tls_client_auth by two names',
    client({ tokenEndpointAuthMethod: 'tls_client_auth', tlsClientAuth: { sanDNS: 'a.example', subjectDN: 'CN=a' } }),
    /spec\.tlsClientAuth: .*set exactly one of subjectDN, sanDNS, sanURI, sanIP, sanEmail/,
  ],
  [
    'tls_client_auth by an address that is none',
    client({ tokenEndpointAuthMethod: 'tls_client_auth', tlsClientAuth: { sanIP: 'a.example' } }),
    /spec\.tlsClientAuth\.sanIP: .*write an address such as/,
  ],
  [
    'self_signed_tls_client_auth without a certificate',
    client({ tokenEndpointAuthMethod: 'self_signed_tls_client_auth', jwks: { keys: [{ kty: 'EC' }] } }),
    /spec: .*jwks must hold the certificate of each of its keys/,
  ],
  [
    'a signed request without a key to verify it by',
    client({ requireSignedRequestObject: true }),
    /spec: .*jwks must hold a public key, or jwksURI name some, for requireSignedRequestObject/,
  ],
  [
    'a service account beside a secret',
    client({ serviceAccountRef: { name: 'orders' } }),
    /spec: .*serviceAccountRef goes with the tokenEndpointAuthMethod private_key_jwt/,
  ],
  [
    'pairwise subjects of two hosts',
    client({ subjectType: 'Pairwise', redirectURIs: ['https://a.example/', 'https://b.example/'] }),
    /spec: .*sectorIdentifier must be set for subjectType Pairwise/,
  ],
  [
    'pairwise subjects of an app on a device',
    client({ subjectType: 'Pairwise', redirectURIs: ['com.example.app:/callback'] }),
    /spec: .*sectorIdentifier must be set for subjectType Pairwise/,
  ],
  [
    'pairwise subjects of a television',
    client({
      subjectType: 'Pairwise',
      grantTypes: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
    }),
    /spec: .*subjectType: Pairwise is not there for the device flow/,
  ],
  [
    'a sector with a path',
    client({ subjectType: 'Pairwise', sectorIdentifier: 'https://app.example.com/' }),
    /spec\.sectorIdentifier: .*write a host name in lower case/,
  ],
  [
    'keys twice',
    client({ jwks: { keys: [{ kty: 'EC' }] }, jwksURI: 'https://app.example.com/keys' }),
    /spec: .*jwksURI: write it or jwks, not both/,
  ],
  [
    'a plain jwksURI',
    client({ jwksURI: 'http://app.example.com/keys' }),
    /spec\.jwksURI: .*jwksURI: write an https URL/,
  ],
  [
    'pushed requests of a machine',
    client({ grantTypes: ['client_credentials'], requirePushedAuthorizationRequests: true }),
    /spec: .*grantTypes must hold authorization_code for requirePushedAuthorizationRequests/,
  ],
  [
    'introspection by a public client',
    client({ tokenEndpointAuthMethod: 'none', introspectedAudiences: ['https://api.example.com'] }),
    /spec: .*introspectedAudiences cannot be named for a public client/,
  ],
  [
    'a symmetric algorithm of ID tokens',
    client({ idTokenSignedResponseAlg: 'HS256' }),
    /spec\.idTokenSignedResponseAlg: Unsupported value/,
  ],
  [
    'unsigned answers',
    client({ authorizationSignedResponseAlg: 'none' }),
    /spec\.authorizationSignedResponseAlg: Unsupported value/,
  ],
  ['a format of tokens', client({ accessTokenFormat: 'PASETO' }), /spec\.accessTokenFormat: Unsupported value/],
  [
    'a plain backchannelLogoutURI',
    client({ backchannelLogoutURI: 'http://app.example.com/logout' }),
    /spec\.backchannelLogoutURI: .*backchannelLogoutURI: write an https URL/,
  ],
  ['an unknown grant type', client({ grantTypes: ['password'] }), /spec\.grantTypes\[0\]: Unsupported value/],
  ['no grant type', client({ grantTypes: [] }), /spec\.grantTypes: .*at least 1 item/],
  [
    'a grant type twice',
    client({ grantTypes: ['refresh_token', 'refresh_token'] }),
    /spec\.grantTypes\[1\]: Duplicate value/,
  ],
];

const run = promisify(execFile);

/** Messages of all rules in a schema, wherever they stand. */
const ruleMessages = (schema: unknown): string[] => {
  if (Array.isArray(schema)) return schema.flatMap(ruleMessages);
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([keyword, value]) =>
    keyword === 'x-kubernetes-validations'
      ? z
          .array(z.object({ message: z.string() }))
          .parse(value)
          .map(({ message }) => message)
      : ruleMessages(value),
  );
};

describe('the API server, by the schemas of crds/', () => {
  let cluster: TestCluster;
  /** Everything that was said to who wrote something wrong. */
  const said: string[] = [];
  const refusal = async (write: Promise<unknown>): Promise<string | undefined> => {
    const message = await refusalOf(write);
    if (message !== undefined) said.push(message);
    return message;
  };
  const namespace = 'validation';

  const create = (kind: 'IdentityTenant' | 'IdentityClient', name: string, spec: Spec) =>
    cluster.client.create({ apiVersion, kind, metadata: { name, namespace }, spec });

  beforeAll(async () => {
    cluster = await startTestCluster();
    await cluster.createNamespace(namespace);
    await create('IdentityTenant', 'acme', { issuer });
    await create('IdentityClient', 'app', client({}));
  });
  afterAll(() => cluster?.stop());

  it.each(refusedTenants)('refuses a tenant with %s', async (_what, spec, message) => {
    expect(await refusal(create('IdentityTenant', 'refused', spec))).toMatch(message);
  });

  it.each(refusedClients)('refuses a client with %s', async (_what, spec, message) => {
    expect(await refusal(create('IdentityClient', 'refused', spec))).toMatch(message);
  });

  it.each([
    ['a'.repeat(41), 'IdentityTenant'],
    ['1st', 'IdentityTenant'],
    ['a.b', 'IdentityTenant'],
    ['a'.repeat(41), 'IdentityClient'],
  ] as const)('refuses the name %s of an %s', async (name, kind) => {
    const spec = kind === 'IdentityTenant' ? { issuer } : client({});
    expect(await refusal(create(kind, name, spec))).toMatch(/metadata\.name must be a DNS label of at most 40/);
  });

  it.each([
    ['IdentityTenant', 'acme', { issuer: `${issuer}/other` }, /spec\.issuer: .*issuer cannot be changed/],
    [
      'IdentityClient',
      'app',
      client({ tenantRef: { name: 'other' } }),
      /spec: .*tenantRef cannot be changed: create another IdentityClient/,
    ],
  ] as const)('refuses to change what an %s is made for', async (kind, name, spec, message) => {
    const change = cluster.client.applyServerSide({ apiVersion, kind, metadata: { name, namespace }, spec });
    expect(await refusal(change)).toMatch(message);
  });

  it('lets the kind of the database change only while paused', async () => {
    const outside = { issuer, database: { connection: { secretRef: { name: 'my-database' } } } };
    const change = (spec: Spec) =>
      refusal(
        cluster.client.applyServerSide({
          apiVersion,
          kind: 'IdentityTenant',
          metadata: { name: 'moving', namespace },
          spec,
        }),
      );
    expect(await change({ issuer })).toBeUndefined();
    expect(await change({ issuer, database: { managed: {} } })).toBeUndefined();
    expect(await change(outside)).toMatch(
      /database: changing between managed, connection and cloudNativePG leaves all data behind/,
    );
    expect(await change({ ...outside, paused: true })).toBeUndefined();
    expect(await change(outside)).toBeUndefined();
    expect(await change({ issuer })).toMatch(/set paused/);
  });

  const apply = (name: string, spec: Spec) =>
    refusal(
      cluster.client.applyServerSide({ apiVersion, kind: 'IdentityTenant', metadata: { name, namespace }, spec }),
    );
  const managed = (more: Spec) => ({ issuer, database: { managed: more } });

  it('lets the volume of a managed database only grow', async () => {
    const message = /database\.managed\.storage can only grow \(it is 10Gi unless set\)/;
    expect(await apply('growing', { issuer })).toBeUndefined();
    expect(await apply('growing', managed({ storage: '9Gi' }))).toMatch(message);
    expect(await apply('growing', managed({ storage: '20Gi' }))).toBeUndefined();
    expect(await apply('growing', managed({ storage: '20480Mi' }))).toBeUndefined();
    expect(await apply('growing', managed({ image: 'postgres:18' }))).toMatch(message);
    expect(await apply('growing', { issuer })).toMatch(message);
    const wrong = await apply('growing', managed({ storage: 'much' }));
    expect(wrong).toMatch(/storage must be a size such as/);
    expect(wrong).not.toMatch(message);
  });

  it.each([
    'https://app.example.com/callback?a=%20b',
    'http://localhost',
    'http://127.0.0.1:8080/callback',
    'http://[::1]/callback',
    'com.example.app:/callback',
  ])('accepts the redirect URI %s', async (good) => {
    const name = `c${Buffer.from(good).toString('hex').slice(-38)}`;
    expect(await refusal(create('IdentityClient', name, client({ redirectURIs: [good] })))).toBeUndefined();
  });

  it.each(['1.2.3', '0.1.0-rc.1'])('accepts the version %s', async (good) => {
    const name = `v${Buffer.from(good).toString('hex')}`;
    expect(await refusal(create('IdentityTenant', name, { issuer, version: good }))).toBeUndefined();
  });

  it('keeps the class of a volume', async () => {
    const message = /database\.managed\.storageClassName cannot be changed/;
    expect(await apply('classed', managed({ storageClassName: 'fast' }))).toBeUndefined();
    expect(await apply('classed', managed({ storageClassName: 'slow' }))).toMatch(message);
    expect(await apply('classed', { issuer })).toMatch(message);
    expect(await apply('classed', managed({ storageClassName: 'fast', storage: '11Gi' }))).toBeUndefined();
  });

  it.each([
    ['two Gateways', { name: 'public' }, { name: 'other' }],
    ['Gateways of one name in two namespaces', { name: 'public' }, { name: 'public', namespace: 'edge' }],
    ['two listeners', { name: 'public', sectionName: 'a' }, { name: 'public', sectionName: 'b' }],
    [
      'two listeners with ports',
      { name: 'public', sectionName: 'a', port: 1 },
      { name: 'public', sectionName: 'b', port: 2 },
    ],
  ])('accepts %s', async (what, ...parentRefs) => {
    const spec = { issuer, gateway: { exposure: { gatewayAPI: { parentRefs } } } };
    expect(await refusal(create('IdentityTenant', what.toLowerCase().replaceAll(' ', '-'), spec))).toBeUndefined();
  });

  it.each([
    'https://id.example.com',
    `https://${'a.'.repeat(126)}a`,
    'https://xn--bcher-kva.example',
    'https://id.example.com:8443',
    'https://localhost',
    'https://id.example.com/customers/eu',
    'https://id.example.com/~me/v1.0',
  ])('accepts the issuer %s', async (good) => {
    const name = `t${Buffer.from(good).toString('hex').slice(-38)}`;
    expect(await refusal(create('IdentityTenant', name, { issuer: good }))).toBeUndefined();
  });

  // After all others: each rule's message has been read by somebody, and so names the field and says what to write.
  it('has no rule whose message nobody has seen', () => {
    const messages = buildCustomResourceDefinitions().flatMap(ruleMessages);
    expect(messages.length).toBeGreaterThan(15);
    expect(messages.filter((message) => !said.some((text) => text.includes(message)))).toEqual([]);
  });

  it('accepts every example', async () => {
    for (const name of ['demo', 'identity']) await cluster.createNamespace(name);
    const examples = path.join(import.meta.dirname, '../../examples');
    const kubectl = path.join(cluster.plane.binaries, 'kubectl');
    // But that with a Cluster of CloudNativePG, which this API server does not know: its tenant is created elsewhere.
    const files = (await readdir(examples)).filter((name) => name.endsWith('.yaml') && name !== 'cloudnativepg.yaml');
    const { stdout, stderr } = await run(kubectl, [
      ...['--kubeconfig', cluster.plane.kubeconfigPath, 'apply', '--dry-run=server'],
      ...files.sort().flatMap((name) => ['-f', path.join(examples, name)]),
    ]);
    expect(stderr).toBe('');
    expect(new Set(stdout.match(/^identity[a-z]+/gm))).toEqual(new Set(['identityclient', 'identitytenant']));
  });
});
