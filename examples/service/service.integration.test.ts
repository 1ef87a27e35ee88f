import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCertificateAuthority } from '../../services/shared/testing/certificate-authority.ts';

const audience = 'https://api.example.com';

/** A, B and C as processes, and an issuer whose name resolves nowhere. */
describe('services A, B and C', () => {
  const directory = mkdtempSync(join(tmpdir(), 'example-'));
  const processes: ChildProcess[] = [];
  let issuer: string;
  let provider: Server;
  let origin: string;
  let sign: (claims?: Record<string, unknown>) => Promise<string>;

  const start = async (name: string, next?: string): Promise<string> => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        NAME: name,
        PORT: '0',
        LISTEN_ADDRESS: '127.0.0.1',
        ISSUER: issuer,
        AUDIENCE: audience,
        CA_FILE: join(directory, 'ca.crt'),
        ISSUER_CONNECT_TO: '127.0.0.1',
        DRAIN_MILLISECONDS: '0',
        ...(next ? { NEXT_URL: next } : {}),
      },
    });
    processes.push(child);
    const line = await new Promise<string>((resolve) => child.stdout.setEncoding('utf8').once('data', resolve));
    return `http://127.0.0.1:${JSON.parse(line).listening.port}`;
  };

  beforeAll(async () => {
    const authority = await createCertificateAuthority();
    writeFileSync(join(directory, 'ca.crt'), authority.ca);
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(publicKey);
    const kid = await calculateJwkThumbprint(jwk);
    provider = createServer(await authority.issueServer(['id.example.test']), (request, response) => {
      const answers: Record<string, unknown> = {
        '/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/jwks` },
        '/jwks': { keys: [{ ...jwk, kid, alg: 'ES256', use: 'sig' }] },
      };
      response.end(JSON.stringify(answers[request.url ?? '']));
    });
    await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
    issuer = `https://id.example.test:${(provider.address() as AddressInfo).port}`;
    sign = (claims = {}) =>
      new SignJWT({ scope: 'orders:read', ...claims })
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid })
        .setIssuer(issuer)
        .setAudience(typeof claims['aud'] === 'string' ? claims['aud'] : audience)
        .setSubject('user-1')
        .setExpirationTime('5m')
        .sign(privateKey);
    origin = await start('a', await start('b', await start('c')));
  });
  afterAll(async () => {
    for (const child of processes) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
    }
    provider.closeAllConnections();
    await new Promise((resolve) => provider.close(resolve));
    rmSync(directory, { recursive: true });
  });

  it('each verify the token, and hand it on', async () => {
    const headers = { authorization: `Bearer ${await sign()}`, 'x-identity-subject': 'user-1' };
    const answer = await fetch(`${origin}/orders`, { headers });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      service: 'a',
      path: '/orders',
      subject: 'user-1',
      scope: 'orders:read',
      identityHeaders: { 'x-identity-subject': 'user-1' },
      next: { service: 'b', subject: 'user-1', next: { service: 'c', subject: 'user-1' } },
    });
  });

  it('refuse a request without a token and one for another audience', async () => {
    expect((await fetch(origin)).status).toBe(401);
    const headers = { authorization: `Bearer ${await sign({ aud: 'https://other.example.com' })}` };
    const answer = await fetch(origin, { headers });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ error: 'invalid_token', reason: expect.stringContaining('aud') });
  });

  it('say that the next one is away, and not where it would be', async () => {
    const lonely = await start('lonely', 'http://127.0.0.1:1');
    const answer = await fetch(lonely, { headers: { authorization: `Bearer ${await sign()}` } });
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ next: { error: 'next_service_unavailable' } });
  });

  it('are ready', async () => {
    expect((await fetch(`${origin}/readyz`)).status).toBe(200);
  });
});
