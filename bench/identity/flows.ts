import { shop, shopSecret } from '../../services/auth/testing/auth-fixture.ts';
import { discover, register, signIn, startAuthorization } from '../../services/auth/testing/relying-party.ts';
import type { Flow } from './flow.ts';
import type { IdentityProcesses } from './processes.ts';
import { createTokenClient } from './token-client.ts';
import { createSignInFlow, createTokenFlows } from './token-flows.ts';

const parameters = { redirect_uri: 'https://shop.example/callback', scope: 'openid email' };

/** One of many people: limits for guesses count an account's sign-ins that are under way. */
const personOf = (number: number) => ({
  email: `person-${number}@example.test`,
  password: `analytical engine no. ${number}`,
  name: `Person ${number}`,
});

/** The flows of auth, through the gateway's connections. */
export const createFlows = async (processes: IdentityProcesses): Promise<Flow[]> => {
  const { connections } = processes;
  // As applications do, who ask for it once.
  const configuration = await discover(processes.send, shop, shopSecret);
  const client = createTokenClient({
    connections,
    clientId: shop.clientId,
    secret: shopSecret,
    tokenPath: '/oauth2/token',
    introspection: { connections, path: '/oauth2/introspect' },
  });

  let registered = 0;
  /** Registers people 0 to `count` - 1, those who are not yet. */
  const registerPeople = async (count: number): Promise<void> => {
    for (; registered < count; registered += 1) {
      const browser = processes.browser();
      const { url } = await startAuthorization(configuration, parameters);
      await register(browser, await browser.open(url), personOf(registered));
    }
  };

  /** Signs a person in, in a browser that has never been here, and exchanges the code. */
  const signInOnce = async (number: number) => {
    const { callback, checks } = await signIn(processes.browser(), configuration, {
      parameters,
      person: personOf(number),
    });
    return client.requestTokens({
      grant_type: 'authorization_code',
      code: callback.searchParams.get('code') ?? '',
      redirect_uri: parameters.redirect_uri,
      code_verifier: checks.pkceCodeVerifier,
    });
  };

  const options = { client, signIn: signInOnce, preparePeople: registerPeople };
  return [...createTokenFlows(options), createSignInFlow(options)];
};
