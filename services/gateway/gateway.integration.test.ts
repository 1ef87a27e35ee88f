import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Agent, Pool, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { peerConnectOptions, peerRole } from '../shared/mutual-tls.ts';
import { createCertificateAuthority, writeTlsMaterial } from '../shared/testing/certificate-authority.ts';
import { eventually } from '../shared/testing/condition.ts';
import { exampleRoute } from './testing/example-route.ts';
import { type GatewayStage, startGatewayStage, startUpstream } from './testing/gateway-stage.ts';
import { exampleIssuer } from './testing/token-issuer.ts';

type Seen = { method: string; url: string; headers: IncomingHttpHeaders; rawHeaders: string[]; body: string };

describe('the gateway', () => {
  let stage: GatewayStage;
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  let client: Pool;

  const audience = 'https://api.example.com';
  const routes = () => [
    exampleRoute({ name: 'api', pathPrefix: '/api', upstreamUrl: upstream.url, audience, scopes: ['orders:read'] }),
    exampleRoute({ name: 'public', pathPrefix: '/public', upstreamUrl: upstream.url, authentication: 'None' }),
    exampleRoute({
      name: 'mixed',
      pathPrefix: '/mixed',
      upstreamUrl: upstream.url,
      audience,
      authentication: 'Optional',
    }),
    exampleRoute({ name: 'own', pathPrefix: '/own', upstreamUrl: upstream.url }),
    exampleRoute({
      name: 'admin',
      pathPrefix: '/public/admin',
      upstreamUrl: upstream.url,
      audience,
      scopes: ['admin'],
    }),
  ];
  beforeAll(async () => {
    upstream = await startUpstream((incoming, response) => {
      let body = '';
      incoming.setEncoding('utf8').on('data', (chunk) => {
        body += chunk;
      });
      incoming.on('end', () => {
        const { method, url, headers, rawHeaders } = incoming;
        response.setHeader('Set-Cookie', ['a=1', '__Host-session=theirs; Path=/; Secure', 'b=2']);
        response.setHeader('X-Powered-By', 'upstream');
        response.end(JSON.stringify({ method, url, headers, rawHeaders, body }));
      });
    });
    stage = await startGatewayStage({
      routes: routes(),
      auth: (incoming, response) => {
        incoming.resume().on('end', () => {
          const { method, url, headers } = incoming;
          response.end(JSON.stringify({ role: peerRole(incoming), method, url, headers }));
        });
      },
    });
    client = new Pool(stage.origin);
  });
  afterAll(async () => {
    await client.close();
    await stage.stop();
    await upstream.stop();
  });

  const send = async (path: string, options: { method?: string; headers?: string[]; body?: string } = {}) => {
    // `request` from undici would resolve dots before it sends.
    const { statusCode, headers, body } = await client.request({
      path,
      method: options.method ?? 'GET',
      headers: options.headers ?? [],
      body: options.body ?? null,
    });
    const text = await body.text();
    return { status: statusCode, headers, text, json: () => JSON.parse(text) };
  };
  const bearer = async (claims?: Record<string, unknown>) => [
    'Authorization',
    `Bearer ${await stage.tokens.sign(claims)}`,
  ];

  describe('with a token', () => {
    it('passes a good one on, with what it says', async () => {
      const headers = await bearer();
      const {
        status,
        json,
        headers: answered,
      } = await send('/api/orders?x=1', { method: 'POST', headers, body: 'hello' });
      const seen: Seen = json();
      expect(status).toBe(200);
      expect(seen).toMatchObject({ method: 'POST', url: '/api/orders?x=1', body: 'hello' });
      expect(seen.headers).toMatchObject({
        authorization: headers[1],
        'x-identity-subject': 'user-1',
        'x-identity-client': 'shop',
        'x-identity-scope': 'orders:read orders:write',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'id.example.com',
      });
      expect(answered['set-cookie']).toEqual(['a=1', 'b=2']);
    });

    it('asks for one', async () => {
      const { status, headers, json } = await send('/api');
      expect(status).toBe(401);
      expect(headers['www-authenticate']).toBe('Bearer');
      expect(headers['content-type']).toBe('application/problem+json');
      expect(json()).toMatchObject({ type: 'urn:identity-operator:problem:unauthorized', status: 401 });
    });

    it.each([
      ['expired', { exp: 1 }],
      ['without exp', { exp: undefined }],
      ['for another audience', { aud: 'https://other.example.com' }],
      ['of another issuer', { iss: 'https://other.example.com' }],
      ['bound to a key', { cnf: { jkt: 'x' } }],
    ])('refuses one %s', async (_name, claims) => {
      const { status, headers } = await send('/api', { headers: await bearer(claims) });
      expect(status).toBe(401);
      expect(headers['www-authenticate']).toMatch(/^Bearer error="invalid_token", error_description="/);
    });

    it.each([
      ['a DPoP scheme', (jwt: string) => ['Authorization', `DPoP ${jwt}`]],
      ['nonsense', () => ['Authorization', 'Bearer nonsense']],
      ['nothing after the scheme', () => ['Authorization', 'Bearer']],
      ['nonsense after a tab', () => ['Authorization', 'Bearer\tnonsense']],
      ['two tokens', (jwt: string) => ['Authorization', `Bearer ${jwt} ${jwt}`]],
    ])('refuses %s, where a token is optional, too', async (_name, headers) => {
      const jwt = await stage.tokens.sign();
      expect((await send('/mixed', { headers: headers(jwt) })).status).toBe(401);
    });

    it('refuses two Authorization headers, of which a service might read the other one', async () => {
      const { status, headers } = await send('/api', {
        headers: [...(await bearer()), 'authorization', 'Bearer other'],
      });
      expect(status).toBe(400);
      expect(headers['www-authenticate']).toBe('Bearer error="invalid_request"');
    });

    it('names the scopes that a route needs', async () => {
      const { status, headers } = await send('/api', { headers: await bearer({ scope: 'orders:write' }) });
      expect(status).toBe(403);
      expect(headers['www-authenticate']).toBe('Bearer error="insufficient_scope", scope="orders:read"');
    });

    it('takes the issuer for the audience of a route without one', async () => {
      expect((await send('/own', { headers: await bearer() })).status).toBe(401);
      expect((await send('/own', { headers: await bearer({ aud: [exampleIssuer, 'x'] }) })).status).toBe(200);
    });

    it('lets an absent one through where it is optional, and nobody\u2019s identity with it', async () => {
      const { status, json } = await send('/mixed');
      expect(status).toBe(200);
      expect(json().headers).not.toHaveProperty('x-identity-subject');
      expect((await send('/mixed', { headers: await bearer() })).json().headers['x-identity-subject']).toBe('user-1');
    });
  });

  describe('whatever a client says of itself', () => {
    it.each([
      'X-Identity-Subject',
      'x-identity-subject',
      'X-IDENTITY-SUBJECT',
      'X_Identity_Subject',
      'x_identity-subject',
      'x-identity_subject',
      'X-Identity-Groups',
      'X_IDENTITY_SCOPE',
    ])('%s is not passed on, with a token or without', async (spelling) => {
      const spoofed = [spelling, 'spoofed', spelling, 'spoofed'];
      for (const [path, headers] of [
        ['/public', spoofed],
        ['/mixed', spoofed],
        ['/api', [...spoofed, ...(await bearer())]],
      ] as const) {
        const { status, text } = await send(path, { headers: [...headers] });
        expect(status).toBe(200);
        expect(text).not.toContain('spoofed');
      }
    });

    it('its cookies of the issuer reach auth and no service', async () => {
      const headers = ['Cookie', 'cart=1; __Host-session=secret; __Host-session.sig=secret'];
      expect((await send('/public', { headers })).json().headers).toMatchObject({ cookie: 'cart=1' });
      expect((await send('/oauth2/authorize', { headers })).json().headers).toMatchObject({ cookie: headers[1] });
    });

    it('neither is where it claims to come from, nor the host it names', async () => {
      const { text } = await send('/public', {
        headers: ['X-Forwarded-For', 'spoofed', 'Forwarded', 'for=spoofed', 'X-Real-IP', 'spoofed', 'Host', 'spoofed'],
      });
      expect(text).not.toContain('spoofed');
    });
  });

  describe('by path', () => {
    it.each([
      '/public/../api',
      '/public/%2e%2e/api',
      '/public/..;/api',
      '/public/..%2fapi',
      '/public/..%5capi',
      '/public\\..\\api',
      '/public//admin',
      '/public/admin;x',
      '/public/%00',
      '/public/%252e%252e/api',
    ])('%s is refused', async (path) => {
      const { status, json } = await send(path);
      expect(status).toBe(400);
      expect(json().type).toMatch(/ambiguous-path|malformed-path/);
    });

    it('an encoded letter does not get round a longer prefix', async () => {
      expect((await send('/public/%61dmin')).status).toBe(401);
    });

    it('what nobody serves is not found, the operator\u2019s own paths among it', async () => {
      expect((await send('/nothing')).status).toBe(404);
      expect((await send('/internal/state')).status).toBe(404);
    });

    it('a method that nobody serves is refused', async () => {
      expect((await send('/public', { method: 'TRACE' })).status).toBe(405);
    });
  });

  describe('the issuer\u2019s paths', () => {
    it('go to auth as the gateway, round a dead address, whatever method', async () => {
      const { status, json } = await send('/oauth2/token?x=1', {
        method: 'POST',
        body: 'grant_type=x',
        headers: ['X-Forwarded-Host', 'spoofed.example', 'Authorization', 'Basic abc'],
      });
      expect(status).toBe(200);
      expect(json()).toMatchObject({
        role: 'gateway',
        method: 'POST',
        url: '/oauth2/token?x=1',
        headers: {
          authorization: 'Basic abc',
          'x-forwarded-host': 'id.example.com',
          'x-forwarded-proto': 'https',
          'x-forwarded-for': '127.0.0.1',
        },
      });
    });

    it('take bodies up to 64 KiB', async () => {
      expect((await send('/oauth2/token', { method: 'POST', body: 'x'.repeat(65_536) })).status).toBe(200);
      expect((await send('/oauth2/token', { method: 'POST', body: 'x'.repeat(65_537) })).status).toBe(413);
    });

    it('take no more when the length is not said', async () => {
      const { statusCode, body } = await client.request({
        path: '/oauth2/token',
        method: 'POST',
        body: Readable.from(Array.from({ length: 20 }, () => Buffer.alloc(65_536))),
      });
      expect(statusCode).toBe(413);
      await body.dump();
    });
  });

  describe('for the operator', () => {
    const state = async (role: 'operator' | 'auth') => {
      const own = new Agent({ connect: peerConnectOptions(await stage.identityOf(role), 'gateway') });
      try {
        const { statusCode, body } = await request(
          `https://127.0.0.1:${stage.gateway.ports['internal']}/internal/state`,
          { dispatcher: own },
        );
        return { status: statusCode, json: JSON.parse(await body.text()) };
      } finally {
        await own.close();
      }
    };

    it('tells its state, and to nobody else', async () => {
      expect(await state('operator')).toMatchObject({
        status: 200,
        json: { service: 'gateway', version: '0.0.0', ready: true, keyring: { kids: [stage.tokens.key.kid] } },
      });
      expect(await state('auth')).toMatchObject({ status: 403 });
    });

    it('takes over keys and routes without a restart', async () => {
      const headers = await bearer();
      expect((await send('/api', { headers })).status).toBe(200);
      stage.write('keyring/keyring.json', stage.tokens.keyring(2, 'Retired'));
      await eventually(async () => (await send('/api', { headers })).status === 401);
      expect((await state('operator')).json).toMatchObject({ ready: false, keyring: { revision: 2, kids: [] } });
      stage.write('keyring/keyring.json', stage.tokens.keyring(3));
      await eventually(async () => (await send('/api', { headers })).status === 200);

      stage.writeRoutes([]);
      await eventually(async () => (await send('/public')).status === 404);
      stage.writeRoutes(routes());
      await eventually(async () => (await send('/public')).status === 200);
    });
  });
});

describe('the gateway with TLS of its own', () => {
  it('serves HTTPS, takes over another certificate, and asks browsers to stay with HTTPS', async () => {
    const upstream = await startUpstream((_request, response) => response.end('ok'));
    const stage = await startGatewayStage({
      routes: [exampleRoute({ pathPrefix: '/', upstreamUrl: upstream.url, authentication: 'None' })],
      settings: async (directory, authority) => {
        const publicTlsDirectory = join(directory, 'public-tls');
        writeTlsMaterial(publicTlsDirectory, await authority.issueServer(['localhost', '127.0.0.1']));
        return { publicTlsDirectory };
      },
    });
    const get = async (ca: string) => {
      const own = new Agent({ connect: { ca } });
      try {
        const answer = await request(stage.origin.replace('http:', 'https:'), { dispatcher: own });
        await answer.body.dump();
        return answer;
      } finally {
        await own.destroy();
      }
    };
    try {
      const { statusCode, headers } = await get(stage.authority.ca);
      expect(statusCode).toBe(200);
      expect(headers['strict-transport-security']).toBe('max-age=31536000');

      const other = await createCertificateAuthority();
      await expect(get(other.ca)).rejects.toThrow();
      writeTlsMaterial(join(stage.directory, 'public-tls'), await other.issueServer(['127.0.0.1']));
      await eventually(() =>
        get(other.ca).then(
          () => true,
          () => false,
        ),
      );
    } finally {
      await stage.stop();
      await upstream.stop();
    }
  });
});
