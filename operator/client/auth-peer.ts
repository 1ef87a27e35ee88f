import { z } from 'zod';
import type { TenantName } from '../../services/shared/contracts/spiffe-id.ts';
import { createPodPeer, type OperatorIdentity, type PodAnswer } from '../tenant/health/pod-peer.ts';

/** `unreachable`: no pod answered. `refused`: auth answered with this status, which no other pod would better. */
export type PeerAnswer =
  | { readonly ok: true; readonly body: unknown }
  | { readonly ok: false; readonly reason: 'unreachable' | 'refused'; readonly detail: string };

const timeoutMilliseconds = 5_000;

const problemSchema = z.object({ detail: z.string().max(1_024) });

/** The `detail` of a problem document (RFC 9457), which says what is wrong with the client. */
const readProblem = (text: string, status: number): string => {
  try {
    return problemSchema.parse(JSON.parse(text)).detail;
  } catch {
    return `auth answered ${status}`;
  }
};

const readAnswer = (answer: PodAnswer): PeerAnswer => {
  if (!answer.ok) return { ok: false, reason: 'unreachable', detail: answer.code };
  const { status, text } = answer;
  if (status >= 500) return { ok: false, reason: 'unreachable', detail: `auth answered ${status}` };
  if (status >= 400) return { ok: false, reason: 'refused', detail: readProblem(text, status) };
  try {
    return { ok: true, body: text === '' ? undefined : JSON.parse(text) };
  } catch {
    return { ok: false, reason: 'unreachable', detail: 'no answer' };
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

export const createAuthPeer = (
  tenant: TenantName,
  identity: OperatorIdentity,
  addresses: readonly string[],
): AuthPeer => {
  const peer = createPodPeer(tenant, 'auth', identity, timeoutMilliseconds);
  return {
    pods: addresses.length,
    any: async (method, path, body) => {
      let last: PeerAnswer = { ok: false, reason: 'unreachable', detail: 'no pod of auth is ready' };
      for (const address of addresses) {
        last = readAnswer(await peer.ask(address, method, path, body));
        if (last.ok || last.reason === 'refused') return last;
      }
      return last;
    },
    all: (path) => Promise.all(addresses.map(async (address) => readAnswer(await peer.ask(address, 'GET', path)))),
    close: () => peer.close(),
  };
};
