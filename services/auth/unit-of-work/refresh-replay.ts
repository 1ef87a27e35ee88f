import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { decodeJwt } from 'jose';
import { z } from 'zod';
import type { RefreshReplay } from '../../token-store/contract.ts';
import type { StagedWork } from './unit-of-work.ts';

/** What answers are kept with, for clients that did not get them. */
export type ReplayOptions = {
  /** For how long an answer may be given again; 0: never. */
  leewaySeconds: number;
  /** The first one seals, all of them open. */
  secrets: readonly string[];
};

/** What the client has sent, as far as it has to be the same when it comes again. */
export type RefreshRequest = { clientId: string; scope: unknown; resource: unknown };

/** The answer of the token endpoint, as far as it matters here. */
const answerSchema = z.looseObject({ access_token: z.string(), refresh_token: z.string() });

const nonceLength = 12;
const tagLength = 16;
const maxAnswerLength = 12_000;

// The old token opens the answer, and the store has only its hash: whoever reads the database gets no token by it.
const answerKey = (token: string, secret: string): Buffer =>
  Buffer.from(hkdfSync('sha256', token, secret, 'refresh-replay', 32));

/** AES-256-GCM under a key of the old token and a secret of ours; base64 of nonce, tag and ciphertext. */
export const sealAnswer = (token: string, secret: string, answer: unknown): string => {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv('aes-256-gcm', answerKey(token, secret), nonce);
  const ciphertext = Buffer.concat([cipher.update(JSON.stringify(answer), 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]).toString('base64');
};

/** Undefined for what none of the secrets opens. */
export const openAnswer = (token: string, secrets: readonly string[], sealed: string): unknown => {
  const bytes = Buffer.from(sealed, 'base64');
  const [nonce, tag] = [bytes.subarray(0, nonceLength), bytes.subarray(nonceLength, nonceLength + tagLength)];
  for (const secret of secrets) {
    try {
      const decipher = createDecipheriv('aes-256-gcm', answerKey(token, secret), nonce, { authTagLength: tagLength });
      decipher.setAuthTag(tag);
      const text = Buffer.concat([decipher.update(bytes.subarray(nonceLength + tagLength)), decipher.final()]);
      return JSON.parse(text.toString('utf8'));
    } catch {
      // Sealed with another one.
    }
  }
  return undefined;
};

const sortedWords = (value: unknown): string[] => {
  const values = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return values
    .flatMap((item) => String(item).split(' '))
    .filter(Boolean)
    .sort();
};

const confirmationSchema = z.object({ cnf: z.record(z.string(), z.string()).optional() });

/**
 * The key or certificate that the request has proved, by the access token that it was given: a refresh token is bound to
 * none when its client is confidential.
 */
const confirmationOf = (accessToken: string, staged: Pick<StagedWork, 'upserts'>): unknown => {
  const stored = staged.upserts.get(`access_token ${accessToken}`)?.payload;
  if (stored !== undefined) return [stored['jkt'] ?? null, stored['x5t#S256'] ?? null];
  const { cnf } = confirmationSchema.parse(decodeJwt(accessToken));
  return [cnf?.['jkt'] ?? null, cnf?.['x5t#S256'] ?? null];
};

/** SHA-256 over what has to be the same when a client comes again, base64url. */
export const hashRefresh = ({ clientId, scope, resource }: RefreshRequest, confirmation: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify([clientId, confirmation, sortedWords(scope), sortedWords(resource)]))
    .digest('base64url');

/** The refresh token that a request uses, if that is all that it does. */
export const refreshedToken = ({ consumed, failed }: StagedWork): string | undefined => {
  const [used, ...others] = consumed.values();
  return !failed && others.length === 0 && used?.kind === 'refresh_token' ? used.id : undefined;
};

/**
 * The answer to a refresh, to be kept with the use of its token. Undefined for any other request, and where the answer is
 * too large to be kept.
 */
export const buildReplay = (
  staged: StagedWork,
  { request, body }: { request: RefreshRequest; body: unknown },
  { leewaySeconds, secrets: [secret] }: ReplayOptions,
): RefreshReplay | undefined => {
  const token = refreshedToken(staged);
  const answer = answerSchema.safeParse(body);
  if (token === undefined || secret === undefined || leewaySeconds === 0 || !answer.success) return undefined;
  const { access_token: accessToken, refresh_token: successorId } = answer.data;
  const sealed = sealAnswer(token, secret, body);
  if (successorId === token || sealed.length > maxAnswerLength) return undefined;
  const fingerprint = hashRefresh(request, confirmationOf(accessToken, staged));
  return { fingerprint, successorId, answer: sealed, leewaySeconds };
};
