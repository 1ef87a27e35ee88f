import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { decodeProtectedHeader } from 'jose';
import { fetch as fetchWithSystemCa } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createIssuerConnection, type IssuerConnection } from '../examples/application/issuer-connection.ts';
import { callServiceA, connectRelyingParty, type RelyingParty } from '../examples/application/relying-party.ts';
import { createScriptlessBrowser, signInByPages, signUpAndIn } from '../examples/application/sign-up.ts';
import type { ClientRegistration } from '../services/shared/contracts/client-registration.ts';
import { keyringSchema } from '../services/shared/contracts/keyring.ts';
import { eventually } from '../services/shared/testing/condition.ts';
import { awaitMailLink } from './dev/mail.ts';
import { findFreePorts } from './dev/ports.ts';

const state = mkdtempSync(path.join(tmpdir(), 'dev-test-'));
const clientsFile = path.join(state, 'clients', 'clients.json');
const ada = { email: 'ada@example.test', password: 'analytical engine no. 1', name: 'Ada Lovelace' };
const { port, callbackPort } = await findFreePorts(['port', 'callbackPort']);
const issuer = `https://localhost:${port}`;

type Dev = { process: ChildProcessByStdio<null, Readable, Readable>; output: () => string };
const started: Dev[] = [];
let dev: Dev;
let connection: IssuerConnection;
let party: RelyingParty;
let adaSubject: string | undefined;

const client: ClientRegistration = {
  clientId: 'dev-app',
  grantTypes: ['authorization_code', 'refresh_token'],
  redirectUris: [`http://127.0.0.1:${callbackPort}/callback`],
  postLogoutRedirectUris: [`http://127.0.0.1:${callbackPort}/signed-out`],
  scopes: ['openid', 'email', 'profile', 'offline_access'],
  audiences: [],
  tokenEndpointAuthMethod: 'none',
  secretHashes: [],
};

const start = (...args: string[]): Dev => {
  const command = ['tools/dev.ts', '--port', String(port), '--state', state, '--clients', clientsFile, '--no-watch'];
  const child = spawn(process.execPath, [...command, ...args], {
    cwd: path.resolve(import.meta.dirname, '..'),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  const running = { process: child, output: () => text };
  started.push(running);
  return running;
};

const findLink = (email: string): Promise<string> => awaitMailLink({ mail: path.join(state, 'mail') }, email);

const hasEnded = ({ process: { exitCode, signalCode } }: Dev): boolean => exitCode !== null || signalCode !== null;

const startAndWait = async (): Promise<Dev> => {
  const running = start();
  await eventually(() => running.output().includes('Now try:') || hasEnded(running), 60_000);
  expect(running.output()).toContain('Now try:');
  return running;
};

const waitForExit = async (running: Dev): Promise<number | null> => {
  if (!hasEnded(running)) await once(running.process, 'close');
  return running.process.exitCode;
};

/** Pid and start time of every process below this one: together they are nobody else's, ever. */
const descendants = (pid: number): string[] => {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return children.flatMap((child) => [identify(child), ...descendants(child)].filter((name) => name !== undefined));
};
const identify = (pid: number): string | undefined => {
  try {
    const [, fields] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(/\) (?=[A-Z] )/);
    return `${pid} ${fields?.split(' ')[19]}`;
  } catch {
    return undefined;
  }
};
const stillAlive = (processes: readonly string[]): string[] =>
  processes.filter((name) => identify(Number.parseInt(name, 10)) === name);

const writeClients = (clients: readonly unknown[]): void => writeFileSync(clientsFile, JSON.stringify(clients));

const keyIds = async (): Promise<string[]> => {
  const answer = await party.fetch(`${issuer}/oauth2/jwks`);
  const { keys } = (await answer.json()) as { keys: { kid: string; d?: string }[] };
  expect(keys.every(({ d }) => d === undefined)).toBe(true);
  return keys.map(({ kid }) => kid);
};

/** What the last run, or the one that runs, signs with. */
const keyIdsInState = (): string[] => {
  const text = readFileSync(path.join(state, 'keyring', 'keyring.json'), 'utf8');
  return keyringSchema.parse(JSON.parse(text)).keys.map(({ kid }) => kid);
};

const connect = (clientId = client.clientId) =>
  connectRelyingParty({ issuer, clientId, redirectUri: client.redirectUris[0] ?? '' }, connection.fetch);

/** The example application in a browser that keeps its one cookie, follows nothing and posts its forms. */
const createVisitor = () => {
  let cookie = '';
  const visit = async (address: string, init: RequestInit = {}): Promise<{ location: string; text: string }> => {
    const response = await fetch(new URL(address, `http://127.0.0.1:${callbackPort}`), {
      ...init,
      headers: { cookie },
      redirect: 'manual',
    });
    cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie;
    return { location: response.headers.get('location') ?? '', text: await response.text() };
  };
  return { open: (address: string) => visit(address), post: (address: string) => visit(address, { method: 'POST' }) };
};

beforeAll(async () => {
  // PostgreSQL does not run as root: its own user passes through.
  chmodSync(state, 0o711);
  mkdirSync(path.dirname(clientsFile));
  writeClients([client]);
  dev = await startAndWait();
  connection = createIssuerConnection({ ca: readFileSync(path.join(state, 'ca.crt'), 'utf8') });
  party = await connect();
});

afterAll(async () => {
  await connection?.close();
  for (const running of started) {
    if (!hasEnded(running)) running.process.kill('SIGTERM');
    await waitForExit(running);
  }
  rmSync(state, { recursive: true, force: true });
});

describe('make dev', () => {
  it('answers discovery and keys over TLS by its own CA alone', async () => {
    expect(party.configuration.serverMetadata()).toMatchObject({ issuer, jwks_uri: `${issuer}/oauth2/jwks` });
    expect(await keyIds()).toHaveLength(1);
    await expect(fetchWithSystemCa(`${issuer}/.well-known/openid-configuration`)).rejects.toThrow();
  });

  it('lets a person sign up and in by code and PKCE, and call A -> B -> C', async () => {
    const tokens = await signUpAndIn(party, ada, { findLink });
    expect(tokens.claims()).toMatchObject({ iss: issuer, aud: 'dev-app', email: ada.email, email_verified: true });
    expect(dev.output()).toMatch(
      /mail to ada@example\.test: Confirm .*\n {2}https:\/\/localhost:\d+\/oauth2\/link\?token=/,
    );
    expect(await keyIds()).toContain(decodeProtectedHeader(tokens.access_token).kid);
    const subject = tokens.claims()?.sub;
    adaSubject = subject;
    expect(await callServiceA(party, tokens.access_token)).toMatchObject({
      service: 'a',
      subject,
      next: { service: 'b', subject, next: { service: 'c', subject } },
    });
    expect((await party.fetch(`${issuer}/a`)).status).toBe(401);
  });

  it('has an application to sign in to, call services from, refresh and sign out of', async () => {
    const visitor = createVisitor();
    expect((await visitor.open('/')).text).toContain('action="/sign-in"');
    const { location } = await visitor.post('/sign-in');
    const issuerBrowser = createScriptlessBrowser(party);
    const signInPage = await issuerBrowser.open(location);
    const { url } = await issuerBrowser.submit(signInPage, { email: ada.email, password: ada.password });

    // The answer belongs to the browser that asked.
    expect((await createVisitor().open(url.href)).text).toContain('No sign-in was begun in this browser');
    expect((await visitor.open(url.href)).location).toBe('/');
    expect((await visitor.open(url.href)).text).toContain('No sign-in was begun in this browser');
    expect((await visitor.open('/')).text).toContain(`Signed in as <strong>${ada.name}</strong>`);

    await visitor.post('/call');
    const { text } = await visitor.open('/');
    for (const service of ['A', 'B', 'C']) {
      expect(text).toContain(`<th scope="row">service ${service}</th><td>verified subject ${adaSubject}</td>`);
    }
    await visitor.post('/refresh');
    expect((await visitor.open('/')).text).toContain('New tokens; the old refresh token is used up.');

    const signOut = new URL((await visitor.post('/sign-out')).location);
    expect(signOut.searchParams.get('id_token_hint')).toMatch(/^ey/);
    const signOutPage = await issuerBrowser.open(signOut);
    const signedOut =
      signOutPage.forms.length > 0 ? await issuerBrowser.submit(signOutPage, { logout: 'yes' }) : signOutPage;
    expect(signedOut.url.pathname).toBe('/signed-out');
    expect((await visitor.open(signedOut.url.href)).text).toContain('Signed out');
    expect((await visitor.open('/')).text).toContain('action="/sign-in"');
  });

  it('signs somebody in by one command', async () => {
    const command = start('sign-in');
    expect(await waitForExit(command)).toBe(0);
    expect(JSON.parse(command.output())).toMatchObject({ serviceA: { service: 'a' }, idTokenClaims: { iss: issuer } });
  });

  it('shows the logs of the services, and keeps them as they came', async () => {
    expect(dev.output()).toMatch(/info {2}auth {9}signed in/);
    expect(readFileSync(path.join(state, 'auth.log'), 'utf8')).toMatch(/^\{"level":"info".*"msg":"listening"\}$/m);
  });

  it('keeps secrets to their owner', () => {
    const secrets = readdirSync(path.join(state, 'signing-keys')).map((name) => path.join(state, 'signing-keys', name));
    expect(secrets).toHaveLength(2);
    for (const file of secrets) expect(statSync(file).mode & 0o077).toBe(0);
    for (const folder of [
      'data-encryption-keys',
      'cookie-keys',
      'pairwise-salt',
      'database',
      'identity',
      'public-tls',
    ]) {
      expect(statSync(path.join(state, folder)).mode & 0o077).toBe(0);
    }
  });

  it('takes over a changed file of clients, and no wrong one', async () => {
    writeClients([client, { ...client, clientId: 'second-app' }]);
    await eventually(() => dev.output().includes('clients taken over: dev-app, second-app'));
    const second = await connect('second-app');
    await signUpAndIn(second, { ...ada, email: 'grace@example.test' }, { findLink });

    writeClients([{ ...client, grantTypes: ['guessing'] }]);
    await eventually(() => dev.output().includes('clients not taken over:'));
    expect(dev.output()).toMatch(/not taken over: .*clients\.json: 0\.grantTypes/);

    writeClients([client]);
    await eventually(() => dev.output().split('\n').includes('clients taken over: dev-app'));
    const authorization = new URL(party.configuration.serverMetadata().authorization_endpoint ?? '');
    authorization.search = new URLSearchParams({ client_id: 'second-app' }).toString();
    await eventually(async () => (await party.fetch(authorization, { redirect: 'manual' })).status === 400);
  });

  it('says in one sentence what is in its way', async () => {
    const twice = start();
    expect(await waitForExit(twice)).toBe(1);
    expect(twice.output()).toContain(`\`make dev\` runs already, as process ${dev.process.pid}`);

    const elsewhere = mkdtempSync(path.join(tmpdir(), 'dev-test-'));
    const portTaken = start('--state', elsewhere);
    expect(await waitForExit(portTaken)).toBe(1);
    expect(portTaken.output()).toContain(`port ${port} is in use`);
    expect(readdirSync(elsewhere)).toEqual([]);
    rmSync(elsewhere, { recursive: true });
  });

  it('ends all of it on SIGINT', async () => {
    const processes = descendants(dev.process.pid ?? 0);
    // token-store, auth, gateway, A, B, C, PostgreSQL and its own children.
    expect(processes.length).toBeGreaterThan(8);
    dev.process.kill('SIGINT');
    expect(await waitForExit(dev)).toBe(0);
    await eventually(() => stillAlive(processes).length === 0);
    expect(existsSync(path.join(state, 'running.json'))).toBe(false);
  });

  it('goes on with keys and accounts, and ends with 1 when a service does by itself', async () => {
    const before = keyIdsInState();
    dev = await startAndWait();
    const processes = descendants(dev.process.pid ?? 0);
    expect(await keyIds()).toEqual(before);
    expect((await signInByPages(party, ada)).claims()?.sub).toBe(adaSubject);

    const auth = processes
      .map((name) => Number.parseInt(name, 10))
      .find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('services/auth/main.ts'));
    process.kill(auth ?? 0, 'SIGKILL');
    expect(await waitForExit(dev)).toBe(1);
    expect(dev.output()).toContain('auth ended by itself (it was killed); its log is ');
    await eventually(() => stillAlive(processes).length === 0);
  });

  it('leaves nothing when it is killed', async () => {
    dev = await startAndWait();
    const processes = descendants(dev.process.pid ?? 0);
    dev.process.kill('SIGKILL');
    await waitForExit(dev);
    await eventually(() => stillAlive(processes).length === 0, 20_000);
  });
});
