import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import express from 'express';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { paths, pinIssuer } from './issuer.ts';

const seen = ['host', 'x-forwarded-host', 'client-cert'] as const;
let server: Server;
let origin: string;

beforeAll(async () => {
  const app = express();
  app.use(pinIssuer('https://id.example', 'https://certificates.id.example'), (incoming, response) => {
    response.json(seen.map((name) => incoming.headers[name] ?? null));
  });
  server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  origin = `http://127.0.0.1:${address.port}`;
});
afterAll(async () => {
  server.close();
  await once(server, 'close');
});

const ask = async (path: string, forwardedHost: string): Promise<unknown> => {
  const headers = { 'x-forwarded-host': forwardedHost, 'client-cert': ':AA==:;trusted' };
  return (await request(`${origin}${path}`, { headers })).body.json();
};

describe('a request', () => {
  it('of the entrance for certificates is there, and brings the certificate', async () => {
    expect(await ask(paths.token, 'certificates.id.example')).toEqual([
      'certificates.id.example',
      'certificates.id.example',
      ':AA==:;trusted',
    ]);
  });

  it('for a code of a device brings it too, though pages are at the issuer', async () => {
    expect(await ask(paths.deviceAuthorization, 'certificates.id.example')).toEqual([
      'id.example',
      'id.example',
      ':AA==:;trusted',
    ]);
  });

  it.each(['id.example', 'evil.example'])('by way of %s is one to the issuer, and brings none', async (host) => {
    expect(await ask(paths.token, host)).toEqual(['id.example', 'id.example', null]);
  });
});
