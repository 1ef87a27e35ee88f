import { type Flow, numbers } from './flow.ts';
import { refreshTokenOf, type TokenClient } from './token-client.ts';

type Tokens = Awaited<ReturnType<TokenClient['requestTokens']>>;

/** What people and applications do at a server. */
export type TokenFlowOptions = {
  readonly client: TokenClient;
  /** Signs a person in, in a browser that has never been here, and exchanges the code. */
  readonly signIn: (number: number) => Promise<Tokens>;
  /** Makes what so many people need; none unless given. */
  readonly preparePeople?: (count: number) => Promise<void>;
  /** The token of an answer that is introspected; the access token unless said otherwise. */
  readonly introspected?: (tokens: Tokens) => string;
};

/** The flows of an application on its own. */
export const createTokenFlows = ({
  client,
  signIn,
  preparePeople = async () => undefined,
  introspected = ({ access_token: token }) => token,
}: TokenFlowOptions): Flow[] => [
  {
    name: 'client_credentials',
    prepare: async (callers) =>
      numbers(callers).map(() => async () => {
        await client.requestTokens({ grant_type: 'client_credentials' });
      }),
  },
  {
    name: 'refresh',
    prepare: async (callers) => {
      await preparePeople(callers);
      const tokens: string[] = [];
      for (const number of numbers(callers)) tokens.push(refreshTokenOf(await signIn(number)));
      return tokens.map((first) => {
        let token = first;
        return async () => {
          token = await client.refresh(token);
        };
      });
    },
  },
  {
    name: 'introspection',
    prepare: async (callers) => {
      await preparePeople(1);
      const token = introspected(await signIn(0));
      return numbers(callers).map(() => () => client.introspect(token));
    },
  },
];

/** The flow of a person, with the exchange of the code. */
export const createSignInFlow = ({
  signIn,
  preparePeople = async () => undefined,
}: Pick<TokenFlowOptions, 'signIn' | 'preparePeople'>): Flow => ({
  name: 'sign_in',
  prepare: async (callers) => {
    await preparePeople(callers);
    return numbers(callers).map((number) => async () => {
      await signIn(number);
    });
  },
});
