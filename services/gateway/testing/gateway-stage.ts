import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { AddressInfo, Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { keyringFileName } from '../../shared/contracts/keyring.ts';
import type { Role } from '../../shared/contracts/spiffe-id.ts';
import { loadWorkloadIdentity } from '../../shared/identity.ts';
import { createMutualTlsServer } from '../../shared/mutual-tls.ts';
import { type RunningService, startService } from '../../shared/service-process.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  writeTlsMaterial,
} from '../../shared/testing/certificate-authority.ts';
import type { RevocationLine } from '../../token-store/client/revocation-lines.ts';
import { composeGateway } from '../gateway.ts';
import { type GatewayRoute, type GatewaySettings, gatewaySettingsSchema } from '../settings.ts';
import { createTokenIssuer, exampleIssuer, type TokenIssuer } from './token-issuer.ts';

const name = { tenant: 'acme', namespace: 'shop' };

/** A gateway on loopback with what it needs around it. */
export type GatewayStage = {
  tokens: TokenIssuer;
  authority: CertificateAuthority;
  gateway: RunningService;
  origin: string;
  directory: string;
  /** What the gateway has logged, JSON line by line. */
  log: string[];
  /** Writes a file in one step, as the kubelet's swap does for the reader. */
  write(path: string, content: unknown): void;
  writeRoutes(routes: GatewayRoute[]): void;
  /** A workload certificate's folder, loaded. */
  identityOf(role: Role): Promise<ReturnType<typeof loadWorkloadIdentity>>;
  stop(): Promise<void>;
};

const close = async (server: Server | SecureServer): Promise<void> => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
};

export const listenOnLoopback = async (server: TcpServer, address = '127.0.0.1'): Promise<number> => {
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, address, resolve));
  // `as`: a TCP server that listens has an AddressInfo.
  return (server.address() as AddressInfo).port;
};

/** An ordinary web server; it stands for a service of the user's. */
export const startUpstream = async (handler: RequestListener): Promise<{ url: string; stop(): Promise<void> }> => {
  const server = createServer(handler);
  const port = await listenOnLoopback(server);
  return { url: `http://127.0.0.1:${port}`, stop: () => close(server) };
};

/** A token-store that knows of no revocation. */
const quietFeed: RequestListener = (_request, response) => {
  const now = { cursor: '1', ageMilliseconds: 0 };
  const lines: RevocationLine[] = [
    { type: 'begin', database: 'stage:1', resumed: false },
    { type: 'ready', ...now },
  ];
  response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
};

export const startGatewayStage = async (options: {
  routes: GatewayRoute[];
  /** What auth answers; absent: nobody listens. */
  auth?: RequestListener;
  settings?: (directory: string, authority: CertificateAuthority) => Promise<Partial<GatewaySettings>>;
}): Promise<GatewayStage> => {
  const directory = mkdtempSync(join(tmpdir(), 'gateway-'));
  const ended = new AbortController();
  const logger = pino({ level: 'silent' });
  const authority = await createCertificateAuthority();
  const tokens = await createTokenIssuer();

  const write = (path: string, content: unknown) => {
    const full = join(directory, path);
    mkdirSync(join(full, '..'), { recursive: true });
    writeFileSync(`${full}.new`, JSON.stringify(content));
    renameSync(`${full}.new`, full);
  };
  const writeRoutes = (routes: GatewayRoute[]) => write('live/live.json', { logLevel: 'info', routes });
  const identityOf = async (role: Role) => {
    const at = join(directory, `identity-${role}`);
    writeTlsMaterial(at, await authority.issueWorkload({ ...name, role }));
    return loadWorkloadIdentity(at, { ...name, signal: ended.signal, logger });
  };

  const auth = options.auth ? createMutualTlsServer(await identityOf('auth'), options.auth) : undefined;
  const authPort = auth ? await listenOnLoopback(auth) : 1;
  const tokenStore = createMutualTlsServer(await identityOf('token-store'), quietFeed);
  const tokenStorePort = await listenOnLoopback(tokenStore);
  await identityOf('gateway');
  write(`keyring/${keyringFileName}`, tokens.keyring(1));
  writeRoutes(options.routes);
  const settings = gatewaySettingsSchema.parse({
    ...name,
    version: '0.0.0',
    listenAddress: '127.0.0.1',
    probePort: 0,
    publicPort: 0,
    internalPort: 0,
    identityDirectory: join(directory, 'identity-gateway'),
    drainMilliseconds: 0,
    liveDirectory: join(directory, 'live'),
    issuer: exampleIssuer,
    // Nobody listens at the first address: each request of this stage finds its way round a dead pod.
    auth: { headlessHost: '127.0.0.77', fallbackHost: '127.0.0.1', port: authPort },
    tokenStore: { headlessHost: '127.0.0.1', fallbackHost: '127.0.0.1', port: tokenStorePort },
    keyringDirectory: join(directory, 'keyring'),
    clockSkewSeconds: 5,
    ...(await options.settings?.(directory, authority)),
  });
  const log: string[] = [];
  const gateway = await startService(composeGateway(settings, pino({}, { write: (line: string) => log.push(line) })));
  return {
    tokens,
    authority,
    gateway,
    origin: `http://127.0.0.1:${gateway.ports['public']}`,
    directory,
    log,
    write,
    writeRoutes,
    identityOf,
    stop: async () => {
      await gateway.stop();
      await close(tokenStore);
      if (auth) {
        await close(auth);
      }
      ended.abort();
      rmSync(directory, { recursive: true });
    },
  };
};
