import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Agent } from 'undici';
import { issuer, putClient } from '../auth/testing/auth-fixture.ts';
import { type Browser, createBrowser, createSend, type Send } from '../auth/testing/browser.ts';
import { buildTestKeyring, createTestKey, writeTestKeyring } from '../auth/testing/signing-keys.ts';
import type { ClientRegistration } from '../shared/contracts/client-registration.ts';
import type { SigningAlgorithm } from '../shared/contracts/keyring.ts';
import { createCertificateAuthority, writeTlsMaterial } from '../shared/testing/certificate-authority.ts';
import { eventually } from '../shared/testing/condition.ts';
import { startGatewayAndAuth } from '../testing/gateway-and-auth.ts';

/** The issuer as applications of others meet it: by HTTPS, at the gateway, with a certificate of a CA of its own. */
export type ConformanceStage = {
  /** Where the issuer's host is listened for, on 127.0.0.1. */
  port: number;
  /** PEM file of the CA of the public certificate. */
  caFile: string;
  /** To the issuer, by TLS and its name. */
  send: Send;
  newBrowser(): Browser;
  /** A folder for what programs write; goes with the stage. */
  directory: string;
  stop(): Promise<void>;
};

/** ID tokens are signed by `algorithm`. */
export const startConformanceStage = async (
  clients: readonly ClientRegistration[],
  algorithm: SigningAlgorithm = 'ES256',
): Promise<ConformanceStage> => {
  const directory = mkdtempSync(join(tmpdir(), 'conformance-'));
  const started: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of started.reverse()) await end();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const { hostname } = new URL(issuer);
    const material = await (await createCertificateAuthority()).issueServer([hostname]);
    const publicTlsDirectory = join(directory, 'tls');
    writeTlsMaterial(publicTlsDirectory, material);
    const silent = () => pino({ level: 'error' }, { write: () => undefined });
    const loggers = { auth: silent(), gateway: silent() };
    const stack = await startGatewayAndAuth([], loggers, { gateway: { publicTlsDirectory } });
    started.push(stack.stop);
    const agent = new Agent({ connect: { ca: material.ca, servername: hostname } });
    started.push(() => agent.close());
    const send = createSend(agent, () => [stack.publicPort]);
    const operator = stack.fixture.send('operator', () => [stack.auth]);
    for (const registration of clients) await putClient(operator, registration);
    const key = await createTestKey(algorithm, 'Active');
    writeTestKeyring(stack.fixture.settings().signingKeysDirectory, buildTestKeyring([key], 2), [key]);
    await eventually(async () => {
      const answer = await send(new URL('/oauth2/jwks', issuer), {});
      return (await answer.text()).includes(key.key.kid);
    });
    return {
      port: stack.publicPort,
      caFile: join(publicTlsDirectory, 'ca.crt'),
      send,
      newBrowser: () => createBrowser(issuer, send),
      directory,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
