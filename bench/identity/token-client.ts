import type { Pool } from 'undici';
import { z } from 'zod';

const tokensSchema = z.object({ access_token: z.string(), refresh_token: z.string().optional() });
const activeSchema = z.object({ active: z.literal(true) });

/** A confidential application at a server's endpoints, with as little work of its own as there can be. */
export type TokenClient = {
  requestTokens(form: Record<string, string>): Promise<z.infer<typeof tokensSchema>>;
  /** @returns the successor */
  refresh(token: string): Promise<string>;
  /** Throws for a token that is not active. */
  introspect(token: string): Promise<void>;
};

/** The refresh token of an answer that must have one. */
export const refreshTokenOf = ({ refresh_token: token }: z.infer<typeof tokensSchema>): string => {
  if (token === undefined) throw new Error('there is no refresh token in the answer');
  return token;
};

export const createTokenClient = (options: {
  readonly connections: Pool;
  readonly clientId: string;
  readonly secret: string;
  readonly tokenPath: string;
  /** Where introspection is, when it is not with the token endpoint. */
  readonly introspection?: { readonly connections: Pool; readonly path: string };
}): TokenClient => {
  const { connections, clientId, secret, tokenPath, introspection } = options;
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
  };
  const post = async (to: Pool, path: string, form: Record<string, string>): Promise<unknown> => {
    const body = new URLSearchParams(form).toString();
    const response = await to.request({ method: 'POST', path, headers, body });
    const text = await response.body.text();
    if (response.statusCode !== 200) throw new Error(`${path} answered ${response.statusCode} ${text.slice(0, 200)}`);
    return JSON.parse(text);
  };
  const requestTokens = async (form: Record<string, string>) =>
    tokensSchema.parse(await post(connections, tokenPath, form));
  return {
    requestTokens,
    refresh: async (token) =>
      refreshTokenOf(await requestTokens({ grant_type: 'refresh_token', refresh_token: token })),
    introspect: async (token) => {
      if (introspection === undefined) throw new Error('there is no introspection');
      activeSchema.parse(await post(introspection.connections, introspection.path, { token }));
    },
  };
};
