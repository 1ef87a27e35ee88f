import { z } from 'zod';
import { shop, shopSecret } from '../../services/auth/testing/auth-fixture.ts';
import { discover, register, signIn, startAuthorization } from '../../services/auth/testing/relying-party.ts';
import type { IdentityProcesses } from './processes.ts';

/** One caller of a flow: each call is one request of an application, or one whole sign-in. Throws when it is refused. */
export type Caller = () => Promise<void>;

/** A flow that is measured. `prepare` makes its callers; nothing of that is counted. */
export type Flow = {
  readonly name: 'client_credentials' | 'refresh' | 'introspection' | 'sign_in';
  prepare(processes: IdentityProcesses, callers: number): Promise<Caller[]>;
};

const parameters = { redirect_uri: 'https://shop.example/callback', scope: 'openid email' };
const tokensSchema = z.object({ access_token: z.string(), refresh_token: z.string().optional() });
const activeSchema = z.object({ active: z.literal(true) });

const headers = {
  'content-type': 'application/x-www-form-urlencoded',
  authorization: `Basic ${Buffer.from(`${shop.clientId}:${shopSecret}`).toString('base64')}`,
};

const post = async (
  { connections }: IdentityProcesses,
  path: string,
  form: Record<string, string>,
): Promise<unknown> => {
  const body = new URLSearchParams(form).toString();
  const response = await connections.request({ method: 'POST', path, headers, body });
  const text = await response.body.text();
  if (response.statusCode !== 200) throw new Error(`${path} answered ${response.statusCode} ${text.slice(0, 200)}`);
  return JSON.parse(text);
};

const requestTokens = async (processes: IdentityProcesses, form: Record<string, string>) =>
  tokensSchema.parse(await post(processes, '/oauth2/token', form));

/** One of many people: limits for guesses count an account's sign-ins that are under way. */
const personOf = (number: number) => ({
  email: `person-${number}@example.test`,
  password: `analytical engine no. ${number}`,
  name: `Person ${number}`,
});

const registered = new WeakMap<IdentityProcesses, number>();

/** Registers people 0 to `count` - 1, those who are not yet. */
const registerPeople = async (processes: IdentityProcesses, count: number): Promise<void> => {
  const configuration = await discover(processes.send, shop, shopSecret);
  for (let number = registered.get(processes) ?? 0; number < count; number += 1) {
    const browser = processes.browser();
    const { url } = await startAuthorization(configuration, parameters);
    await register(browser, await browser.open(url), personOf(number));
    registered.set(processes, number + 1);
  }
};

/** Signs a person in, in a browser that has never been here, and exchanges the code. */
const signInOnce = async (processes: IdentityProcesses, number: number) => {
  const configuration = await discover(processes.send, shop, shopSecret);
  const { callback, checks } = await signIn(processes.browser(), configuration, {
    parameters,
    person: personOf(number),
  });
  return requestTokens(processes, {
    grant_type: 'authorization_code',
    code: callback.searchParams.get('code') ?? '',
    redirect_uri: parameters.redirect_uri,
    code_verifier: checks.pkceCodeVerifier,
  });
};

const refreshTokenOf = ({ refresh_token: token }: z.infer<typeof tokensSchema>): string => {
  if (token === undefined) throw new Error('there is no refresh token in the answer');
  return token;
};

const numbers = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

export const flows: readonly Flow[] = [
  {
    name: 'client_credentials',
    prepare: async (processes, callers) =>
      numbers(callers).map(() => async () => {
        await requestTokens(processes, { grant_type: 'client_credentials' });
      }),
  },
  {
    name: 'refresh',
    prepare: async (processes, callers) => {
      await registerPeople(processes, callers);
      const made: Caller[] = [];
      for (const number of numbers(callers)) {
        let token = refreshTokenOf(await signInOnce(processes, number));
        made.push(async () => {
          token = refreshTokenOf(await requestTokens(processes, { grant_type: 'refresh_token', refresh_token: token }));
        });
      }
      return made;
    },
  },
  {
    name: 'introspection',
    prepare: async (processes, callers) => {
      await registerPeople(processes, callers);
      const { access_token: token } = await signInOnce(processes, 0);
      return numbers(callers).map(() => async () => {
        activeSchema.parse(await post(processes, '/oauth2/introspect', { token }));
      });
    },
  },
  {
    name: 'sign_in',
    prepare: async (processes, callers) => {
      await registerPeople(processes, callers);
      return numbers(callers).map((number) => async () => {
        await signInOnce(processes, number);
      });
    },
  },
];
