import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { decodeJwt } from 'jose';
import { createIssuerConnection } from '../../examples/application/issuer-connection.ts';
import { callServiceA, connectRelyingParty } from '../../examples/application/relying-party.ts';
import { signUpAndIn } from '../../examples/application/sign-up.ts';
import { awaitMailLink } from './mail.ts';
import { readRunning } from './running.ts';
import { buildDevPaths } from './settings.ts';

/**
 * A new person signs up and in at the `make dev` that runs on this state folder, and service A is called with the token.
 * @returns what is worth printing
 * @throws Error whose message is fit for the user
 */
export const signInSomebody = async (stateDirectory: string): Promise<Record<string, unknown>> => {
  const paths = buildDevPaths(stateDirectory);
  const running = await readRunning(paths.running);
  if (running === undefined) throw new Error('nothing runs here: start `make dev` first');
  const { application } = running;
  if (application === undefined) throw new Error('the file of clients has no public client of this machine');
  const connection = createIssuerConnection({ ca: await readFile(running.caFile, 'utf8') });
  const person = {
    email: `ada-${randomBytes(4).toString('hex')}@example.test`,
    password: randomBytes(15).toString('base64url'),
    name: 'Ada Lovelace',
  };
  try {
    const party = await connectRelyingParty({ issuer: running.issuer, ...application }, connection.fetch);
    const tokens = await signUpAndIn(party, person, { findLink: (email) => awaitMailLink(paths, email) });
    return {
      person,
      idTokenClaims: tokens.claims(),
      accessTokenClaims: decodeJwt(tokens.access_token),
      accessToken: tokens.access_token,
      serviceA: await callServiceA(party, tokens.access_token),
    };
  } finally {
    await connection.close();
  }
};
