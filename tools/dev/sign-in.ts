// node tools/dev/sign-in.ts: a new person signs up and in at a running `make dev`, and service A is called.
import { randomBytes } from 'node:crypto';
import { decodeJwt } from 'jose';
import { parseDevOptions } from './options.ts';
import { callServiceA, connectRelyingParty, readRunning, signUpAndIn } from './relying-party.ts';
import { buildDevPaths } from './settings.ts';

const signIn = async (): Promise<void> => {
  const paths = buildDevPaths(parseDevOptions(process.argv.slice(2)).stateDirectory);
  const running = await readRunning(paths.running);
  if (running === undefined) throw new Error('nothing runs here: start `make dev` first');
  const { application } = running;
  if (application === undefined) throw new Error('the file of clients has no public client of this machine');
  const party = await connectRelyingParty({ ...running, ...application });
  const person = {
    email: `ada-${randomBytes(4).toString('hex')}@example.test`,
    password: randomBytes(15).toString('base64url'),
    name: 'Ada Lovelace',
  };
  const tokens = await signUpAndIn(party, person);
  const answer = {
    person,
    idTokenClaims: tokens.claims(),
    accessTokenClaims: decodeJwt(tokens.access_token),
    accessToken: tokens.access_token,
    serviceA: await callServiceA(party, tokens.access_token),
  };
  process.stdout.write(`${JSON.stringify(answer, undefined, 2)}\n`);
  await party.close();
};

try {
  await signIn();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
