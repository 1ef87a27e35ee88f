import type { PeerCertificate } from 'node:tls';
import { Agent } from 'undici';
import { type Role, spiffeId, type TenantName } from '../../../services/shared/contracts/spiffe-id.ts';
import { tlsEntries } from '../../keys/internal-certificate.ts';
import { ports } from '../../manifests/ports.ts';

/** The operator's own certificate for one tenant, as in its Secret. */
export type OperatorIdentity = Readonly<Record<string, string>>;

/** What a pod answered: any status, or the code of what went wrong. */
export type PodAnswer =
  | { readonly ok: true; readonly status: number; readonly text: string }
  | { readonly ok: false; readonly code: string };

/** Pods of one role of a tenant, asked by address and by mTLS. Close it after use. */
export type PodPeer = {
  ask(address: string, method: 'GET' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<PodAnswer>;
  close(): Promise<void>;
};

/** Connections go to addresses, so the certificate is judged by its SPIFFE id, not by a host name. */
const checkRole = (tenant: TenantName, role: Role) => (_host: string, certificate: PeerCertificate) =>
  certificate.subjectaltname === `URI:${spiffeId({ ...tenant, role })}`
    ? undefined
    : new Error(`the certificate is not of ${role} of this tenant`);

/** @param timeoutMilliseconds for connecting, for the head of an answer, and for each part of its body. */
export const createPodPeer = (
  tenant: TenantName,
  role: Role,
  identity: OperatorIdentity,
  timeoutMilliseconds: number,
): PodPeer => {
  const dispatcher = new Agent({
    connect: {
      cert: identity[tlsEntries.certificate],
      key: identity[tlsEntries.privateKey],
      ca: identity[tlsEntries.authority],
      checkServerIdentity: checkRole(tenant, role),
      timeout: timeoutMilliseconds,
    },
    bodyTimeout: timeoutMilliseconds,
    headersTimeout: timeoutMilliseconds,
    // `as`: undici's type of `connect` lacks the options of TLS.
  } as Agent.Options);
  return {
    ask: async (address, method, path, body) => {
      const host = address.includes(':') ? `[${address}]` : address;
      try {
        const answer = await dispatcher.request({
          origin: `https://${host}:${ports.mutualTls}`,
          path,
          method,
          ...(body === undefined
            ? {}
            : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
        });
        return { ok: true, status: answer.statusCode, text: await answer.body.text() };
      } catch (error) {
        return { ok: false, code: error instanceof Error && 'code' in error ? String(error.code) : 'no answer' };
      }
    },
    close: () => dispatcher.close(),
  };
};
