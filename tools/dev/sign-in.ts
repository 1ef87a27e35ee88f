import { randomBytes } from 'node:crypto';
import { decodeJwt } from 'jose';
import { callServiceA, connectRelyingParty, readRunning, signUpAndIn } from './relying-party.ts';
import { buildDevPaths } from './settings.ts';

/**
 * A new person signs up and in at the `make dev` that runs on this state folder, and service A is called with the token.
 * @returns what is worth printing
 * @throws Error whose message is fit for the user
 */
export const signInSomebody = async (stateDirectory: string): Promise<Record<string, unknown>> => {
  const running = await readRunning(buildDevPaths(stateDirectory).running);
  if (running === undefined) throw new Error('nothing runs here: start `make dev` first');
  const { application } = running;
  if (application === undefined) throw new Error('the file of clients has no public client of this machine');
  const party = await connectRelyingParty({ ...running, ...application });
  const person = {
    email: `ada-${randomBytes(4).toString('hex')}@example.test`,
    password: randomBytes(15).toString('base64url'),
    name: 'Ada Lovelace',
  };
  try {
    const tokens = await signUpAndIn(party, person);
    return {
      person,
      idTokenClaims: tokens.claims(),
      accessTokenClaims: decodeJwt(tokens.access_token),
      accessToken: tokens.access_token,
      serviceA: await callServiceA(party, tokens.access_token),
    };
  } finally {
    await party.close();
  }
};
