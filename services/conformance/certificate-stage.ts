import { X509Certificate } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Agent } from 'undici';
import { issuer, putClient } from '../auth/testing/auth-fixture.ts';
import { type Browser, createBrowser, createSend, type Send } from '../auth/testing/browser.ts';
import { exampleRoute } from '../gateway/testing/example-route.ts';
import { startUpstream } from '../gateway/testing/gateway-stage.ts';
import type { ClientRegistration } from '../shared/contracts/client-registration.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  writeTlsMaterial,
} from '../shared/testing/certificate-authority.ts';
import { startGatewayAndAuth } from '../testing/gateway-and-auth.ts';

/** Where clients with certificates call. */
export const certificateOrigin = 'https://mtls.shop.example';

/** PEM of a client's certificate and key. */
export type ClientMaterial = { cert: string; key: string };

/** SHA-256 of a certificate, as tokens name it. */
export const thumbprintOf = ({ cert }: ClientMaterial): string =>
  Buffer.from(new X509Certificate(cert).fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');

/** A tenant with an entrance for certificates, and a service at `/api` that tells which headers it got. */
export type CertificateStage = {
  /** By TLS, each address to the entrance of its host; with this certificate where it is asked for. */
  sendAs(material: ClientMaterial | undefined): Send;
  /** Where a client may call that has no business there: the entrance for certificates, whatever the address says. */
  sendToCertificates(material: ClientMaterial | undefined): Send;
  put(registration: ClientRegistration): Promise<number>;
  newBrowser(): Browser;
  /** Replaces the CAs that clients' certificates may be of. */
  trust(authority: CertificateAuthority): void;
  stop(): Promise<void>;
};

export const startCertificateStage = async (authority: CertificateAuthority): Promise<CertificateStage> => {
  const directory = mkdtempSync(join(tmpdir(), 'certificates-'));
  const started: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of started.reverse()) await end();
    rmSync(directory, { recursive: true, force: true });
  };
  const trust = ({ ca }: CertificateAuthority): void => {
    writeFileSync(join(directory, 'ca', '.ca.crt'), ca);
    renameSync(join(directory, 'ca', '.ca.crt'), join(directory, 'ca', 'ca.crt'));
  };
  try {
    const servers = await createCertificateAuthority();
    const hostOf = (address: string): string => new URL(address).hostname;
    for (const [name, address] of [
      ['public', issuer],
      ['certificates', certificateOrigin],
    ] as const) {
      writeTlsMaterial(join(directory, name), await servers.issueServer([hostOf(address)]));
    }
    writeTlsMaterial(join(directory, 'ca'), { cert: '', key: '', ca: authority.ca });
    const upstream = await startUpstream((request, response) => response.end(JSON.stringify(request.headers)));
    started.push(upstream.stop);
    const route = exampleRoute({
      pathPrefix: '/api',
      upstreamUrl: upstream.url,
      audience: 'https://api.shop.example',
    });
    const silent = () => pino({ level: 'error' }, { write: () => undefined });
    const stack = await startGatewayAndAuth(
      [route],
      { auth: silent(), gateway: silent() },
      {
        auth: { clientCertificatesOrigin: certificateOrigin },
        gateway: {
          publicTlsDirectory: join(directory, 'public'),
          clientCertificates: {
            port: 0,
            origin: certificateOrigin,
            tlsDirectory: join(directory, 'certificates'),
            caDirectory: join(directory, 'ca'),
          },
        },
      },
    );
    started.push(stack.stop);
    const connectTo = (address: string, port: number, material: ClientMaterial | undefined): Send => {
      const { cert, key } = material ?? {};
      const agent = new Agent({ connect: { ca: servers.ca, servername: hostOf(address), cert, key } });
      started.push(() => agent.close());
      return createSend(agent, () => [port]);
    };
    const sendToIssuer = connectTo(issuer, stack.publicPort, undefined);
    const sendToCertificates = (material: ClientMaterial | undefined): Send =>
      connectTo(certificateOrigin, stack.gateway.ports['client-certificates'] ?? 0, material);
    const operator = stack.fixture.send('operator', () => [stack.auth]);
    return {
      sendAs: (material) => {
        const withCertificate = sendToCertificates(material);
        return (url, init) => (url.origin === certificateOrigin ? withCertificate : sendToIssuer)(url, init);
      },
      sendToCertificates,
      put: (registration) => putClient(operator, registration),
      newBrowser: () => createBrowser(issuer, sendToIssuer),
      trust,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
