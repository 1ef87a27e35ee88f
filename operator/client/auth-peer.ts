import type { PeerCertificate } from 'node:tls';
import { Agent, type Dispatcher, request } from 'undici';
import { z } from 'zod';
import { spiffeId, type TenantName } from '../../services/shared/contracts/spiffe-id.ts';
import { tlsEntries } from '../keys/internal-certificate.ts';
import { ports } from '../manifests/ports.ts';

/** The operator's own certificate for one tenant, as in its Secret. */
type Identity = Readonly<Record<string, string>>;

/** `unreachable`: no pod answered. `refused`: auth answered with this status, which no other pod would better. */
export type PeerAnswer =
  | { readonly ok: true; readonly body: unknown }
  | { readonly ok: false; readonly reason: 'unreachable' | 'refused'; readonly detail: string };

const timeoutMilliseconds = 5_000;

/** Connections go to addresses, so the certificate is judged by its SPIFFE id, not by a host name. */
const checkAuth = (tenant: TenantName) => (_host: string, certificate: PeerCertificate) =>
  certificate.subjectaltname === `URI:${spiffeId({ ...tenant, role: 'auth' })}`
    ? undefined
    : new Error('the certificate is not of auth of this tenant');

const createDispatcher = (tenant: TenantName, identity: Identity): Agent =>
  new Agent({
    connect: {
      cert: identity[tlsEntries.certificate],
      key: identity[tlsEntries.privateKey],
      ca: identity[tlsEntries.authority],
      checkServerIdentity: checkAuth(tenant),
      timeout: timeoutMilliseconds,
    },
    bodyTimeout: timeoutMilliseconds,
    headersTimeout: timeoutMilliseconds,
  } as Agent.Options);

const problemSchema = z.object({ detail: z.string().max(1_024) });

/** The `detail` of a problem document (RFC 9457), which says what is wrong with the client. */
const readProblem = (text: string, status: number): string => {
  try {
    return problemSchema.parse(JSON.parse(text)).detail;
  } catch {
    return `auth answered ${status}`;
  }
};

const ask = async (
  dispatcher: Dispatcher,
  address: string,
  method: 'GET' | 'PUT' | 'DELETE',
  path: string,
  body: unknown,
): Promise<PeerAnswer> => {
  const host = address.includes(':') ? `[${address}]` : address;
  try {
    const answer = await request(`https://${host}:${ports.mutualTls}${path}`, {
      dispatcher,
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    if (answer.statusCode >= 500) {
      await answer.body.dump();
      return { ok: false, reason: 'unreachable', detail: `auth answered ${answer.statusCode}` };
    }
    const text = await answer.body.text();
    if (answer.statusCode >= 400) return { ok: false, reason: 'refused', detail: readProblem(text, answer.statusCode) };
    return { ok: true, body: text === '' ? undefined : JSON.parse(text) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'no answer';
    return { ok: false, reason: 'unreachable', detail: code };
  }
};

/** auth's `/internal/*` of one tenant, asked of its pods by address. Close it after use. */
export type AuthPeer = {
  /** How many there are to ask. */
  readonly pods: number;
  /** The first pod that answers. */
  any(method: 'PUT' | 'DELETE', path: string, body?: unknown): Promise<PeerAnswer>;
  /** Every pod. */
  all(path: string): Promise<PeerAnswer[]>;
  close(): Promise<void>;
};

export const createAuthPeer = (tenant: TenantName, identity: Identity, addresses: readonly string[]): AuthPeer => {
  const dispatcher = createDispatcher(tenant, identity);
  return {
    pods: addresses.length,
    any: async (method, path, body) => {
      let last: PeerAnswer = { ok: false, reason: 'unreachable', detail: 'no pod of auth is ready' };
      for (const address of addresses) {
        last = await ask(dispatcher, address, method, path, body);
        if (last.ok || last.reason === 'refused') return last;
      }
      return last;
    },
    all: (path) => Promise.all(addresses.map((address) => ask(dispatcher, address, 'GET', path, undefined))),
    close: () => dispatcher.close(),
  };
};
