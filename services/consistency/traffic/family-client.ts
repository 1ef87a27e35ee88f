import { decodeJwt } from 'jose';
import { z } from 'zod';
import { shop, shopSecret } from '../../auth/testing/auth-fixture.ts';
import { discover, signIn } from '../../auth/testing/relying-party.ts';
import type { FamilyOutcome } from '../model/operation.ts';
import type { Stage } from '../stage.ts';

/** What a client, and whoever may end a family, can do with one. A call that gets no answer in time is `unknown`. */
export type FamilyClient = {
  exchange(signal: AbortSignal): Promise<FamilyOutcome>;
  refresh(token: string, signal: AbortSignal): Promise<FamilyOutcome>;
  revoke(signal: AbortSignal): Promise<FamilyOutcome>;
  inspect(token: string): Promise<FamilyOutcome>;
  introspect(signal: AbortSignal): Promise<FamilyOutcome>;
};

const tokensSchema = z.object({ refresh_token: z.string(), access_token: z.string(), id_token: z.string() });
const errorSchema = z.object({ error: z.string() });
const linksSchema = z.object({ gid: z.string() });

/** Answers that say nothing of whether it happened: come again. */
const isPassing = (status: number): boolean => status === 503 || status === 502;

const unknown: FamilyOutcome = { kind: 'unknown' };

/** What every family is asked for with. */
export const parameters = { redirect_uri: 'https://shop.example/callback', scope: 'openid email' };

/** Opens a family: a sign-in of its own, and with it a code that nobody has used. */
export const openFamily = async (stage: Stage): Promise<FamilyClient> => {
  const { issuer } = stage.fixture.settings();
  const configuration = await discover(stage.send, shop, shopSecret);
  const { callback, checks } = await signIn(stage.browser(), configuration, { parameters });
  const code = callback.searchParams.get('code');
  if (code === null) throw new Error(`no code: ${callback}`);
  let accessToken: string | undefined;

  const requestTokens = async (form: Record<string, string>, signal: AbortSignal): Promise<FamilyOutcome> => {
    const response = await stage.send(new URL('/oauth2/token', issuer), {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Basic ${Buffer.from(`${shop.clientId}:${shopSecret}`).toString('base64')}`,
      },
      body: new URLSearchParams(form).toString(),
      signal,
    });
    const body: unknown = await response.json();
    if (response.status === 200) {
      const { refresh_token: token, access_token } = tokensSchema.parse(body);
      accessToken ??= access_token;
      return { kind: 'issued', token };
    }
    if (isPassing(response.status)) return unknown;
    const { error } = errorSchema.parse(body);
    if (response.status !== 400 || error !== 'invalid_grant') throw new Error(`answered ${response.status} ${error}`);
    return { kind: 'refused' };
  };

  return {
    exchange: (signal) =>
      requestTokens(
        {
          grant_type: 'authorization_code',
          code,
          redirect_uri: parameters.redirect_uri,
          code_verifier: checks.pkceCodeVerifier,
        },
        signal,
      ),
    refresh: (token, signal) => requestTokens({ grant_type: 'refresh_token', refresh_token: token }, signal),
    revoke: async (signal) => {
      if (accessToken === undefined) return unknown;
      const { gid: grantId } = linksSchema.parse(decodeJwt(accessToken));
      const commit = stage.store.commit({
        commitId: crypto.randomUUID(),
        intents: [{ operation: 'revoke_grant', grantId }],
      });
      const givenUp = new Promise<undefined>((resolve) =>
        signal.addEventListener('abort', () => resolve(undefined), { once: true }),
      );
      const answer = await Promise.race([commit, givenUp]);
      if (answer === undefined) {
        commit.catch(() => undefined);
        return unknown;
      }
      if (answer.outcome !== 'committed') throw new Error(`a revocation was ${answer.outcome}`);
      return { kind: 'revoked' };
    },
    inspect: async (token) => {
      const { record } = await stage.store.find({ kind: 'refresh_token', by: 'id', value: token });
      return { kind: record !== undefined && record.consumedAt === undefined ? 'active' : 'inactive' };
    },
    introspect: async (signal) => {
      if (accessToken === undefined) return unknown;
      const response = await stage.send(new URL('/oauth2/userinfo', issuer), {
        headers: { authorization: `Bearer ${accessToken}` },
        signal,
      });
      await response.text();
      if (isPassing(response.status)) return unknown;
      if (response.status !== 200 && response.status !== 401) throw new Error(`userinfo answered ${response.status}`);
      return { kind: response.status === 200 ? 'active' : 'inactive' };
    },
  };
};
