import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import express from 'express';
import { pino } from 'pino';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Role, TenantName } from './contracts/spiffe-id.ts';
import { loadWorkloadIdentity, type TlsMaterial } from './identity.ts';
import { allowRoles, createMutualTlsServer, peerConnectOptions, peerRole } from './mutual-tls.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  writeTlsMaterial,
} from './testing/certificate-authority.ts';
import { eventually } from './testing/condition.ts';

const logger = pino({ level: 'silent' });
const acme: TenantName = { tenant: 'acme', namespace: 'shop' };

describe('mutual TLS', () => {
  const root = mkdtempSync(join(tmpdir(), 'mtls-'));
  const stop = new AbortController();
  let authority: CertificateAuthority;
  let stranger: CertificateAuthority;
  let server: Server;
  let origin: string;
  let count = 0;

  /** Loads a certificate as a process would that believes to belong to acme. */
  const identityOf = (material: TlsMaterial) => {
    count += 1;
    const directory = join(root, String(count));
    writeTlsMaterial(directory, material);
    return { directory, identity: loadWorkloadIdentity(directory, { ...acme, signal: stop.signal, logger }) };
  };
  /** One request on a new connection. */
  const call = async (material: TlsMaterial, path: string, expected: Role = 'auth') => {
    const agent = new Agent({ connect: peerConnectOptions(identityOf(material).identity, expected) });
    try {
      const { statusCode, body } = await request(`${origin}${path}`, { dispatcher: agent });
      return { status: statusCode, body: await body.text() };
    } finally {
      await agent.destroy();
    }
  };

  let serverDirectory: string;
  beforeAll(async () => {
    authority = await createCertificateAuthority();
    stranger = await createCertificateAuthority();
    const own = identityOf(await authority.issueWorkload({ ...acme, role: 'auth' }));
    serverDirectory = own.directory;
    const app = express();
    app.get('/internal/state', allowRoles('operator'), (_request, response) => {
      response.send('state');
    });
    app.get('/role', (request, response) => {
      response.send(peerRole(request));
    });
    app.post('/large', (request, response) => {
      // As raw-body does when a body is over its limit.
      let size = 0;
      const onData = (chunk: Buffer) => {
        size += chunk.length;
        if (size > 57_344) {
          request.off('data', onData).pause();
          response.status(400).end();
        }
      };
      request.on('data', onData);
    });
    server = createMutualTlsServer(own.identity, app);
    server.keepAliveTimeout = 65_000;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    stop.abort();
    await new Promise((resolve) => server.close(resolve));
    rmSync(root, { recursive: true });
  });

  it('knows the caller by its certificate', async () => {
    expect(await call(await authority.issueWorkload({ ...acme, role: 'gateway' }), '/role')).toEqual({
      status: 200,
      body: 'gateway',
    });
  });

  it('lets the operator, and no other role, to what is the operator\u2019s', async () => {
    expect(await call(await authority.issueWorkload({ ...acme, role: 'operator' }), '/internal/state')).toMatchObject({
      status: 200,
    });
    expect(await call(await authority.issueWorkload({ ...acme, role: 'gateway' }), '/internal/state')).toMatchObject({
      status: 403,
    });
  });

  it('cuts callers of another tenant, even of the same CA', async () => {
    const material = await authority.issueWorkload({ tenant: 'other', namespace: 'shop', role: 'operator' });
    await expect(call(material, '/role')).rejects.toThrow();
  });

  it('cuts callers of a foreign CA', async () => {
    const material = await stranger.issueWorkload({ ...acme, role: 'operator' });
    await expect(call({ ...material, ca: authority.ca }, '/role')).rejects.toThrow();
  });

  it('cuts callers without a certificate', async () => {
    const agent = new Agent({ connect: { ca: authority.ca, checkServerIdentity: () => undefined } });
    await expect(request(`${origin}/role`, { dispatcher: agent })).rejects.toThrow();
    await agent.destroy();
  });

  it('refuses a server of another role and one of a foreign CA', async () => {
    const material = await authority.issueWorkload({ ...acme, role: 'gateway' });
    await expect(call(material, '/role', 'token-store')).rejects.toThrow(/token-store/);
    await expect(call({ ...material, ca: stranger.ca }, '/role')).rejects.toThrow();
  });

  it('lets go of a caller whose body nobody wanted to the end', async () => {
    const connections = promisify(server.getConnections.bind(server));
    await eventually(async () => (await connections()) === 0);
    const { identity } = identityOf(await authority.issueWorkload({ ...acme, role: 'gateway' }));
    const agent = new Agent({ connect: peerConnectOptions(identity, 'auth') });
    const body = new Readable({
      read() {
        this.push(Buffer.alloc(65_536));
      },
    });
    const answer = await request(`${origin}/large`, { method: 'POST', body, dispatcher: agent });
    expect(answer.statusCode).toBe(400);
    await answer.body.dump();
    await agent.destroy();
    await eventually(async () => (await connections()) === 0);
  });

  it('takes over a new certificate and CA without a restart, on both sides', async () => {
    const next = await createCertificateAuthority();
    const bundle = `${authority.ca}\n${next.ca}`;
    const material = await next.issueWorkload({ ...acme, role: 'gateway' });
    await expect(call({ ...material, ca: bundle }, '/role')).rejects.toThrow();

    const client = identityOf(await authority.issueWorkload({ ...acme, role: 'gateway' }));
    const connect = peerConnectOptions(client.identity, 'auth');
    const role = async () => {
      const agent = new Agent({ connect });
      try {
        return await (await request(`${origin}/role`, { dispatcher: agent })).body.text();
      } catch (error) {
        return String(error);
      } finally {
        await agent.destroy();
      }
    };
    expect(await role()).toBe('gateway');
    writeTlsMaterial(serverDirectory, { ...(await next.issueWorkload({ ...acme, role: 'auth' })), ca: bundle });
    // The old client does not trust the new CA yet: that it fails shows that the server has changed.
    await eventually(async () => (await role()) !== 'gateway');
    writeTlsMaterial(client.directory, { ...material, ca: bundle });
    await eventually(async () => (await role()) === 'gateway');
  });
});
