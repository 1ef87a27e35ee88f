import { setTimeout as delay } from 'node:timers/promises';
import * as client from 'openid-client';
import { putClient, shopSecret } from '../../auth/testing/auth-fixture.ts';
import type { Browser, Send } from '../../auth/testing/browser.ts';
import { discover } from '../../auth/testing/relying-party.ts';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import type { TokenStoreClient } from '../../token-store/client/token-store-client.ts';

/** Auth as the gateway and as the operator ask it, and the token-store. */
export type EndingGround = {
  readonly issuer: string;
  readonly send: Send;
  readonly operator: Send;
  browser(): Browser;
  readonly store: Pick<TokenStoreClient, 'revoke'>;
};

/** What is ended while it is in use, and is there again afterwards, empty. */
export type Ending = 'account disabled' | 'client deleted' | 'signed out everywhere';

/** Whose tokens a race is about: a client and a person of its own, so that no other race is disturbed. */
export type Owners = { readonly registration: ClientRegistration; readonly subject: string };

const patienceMilliseconds = 60_000;
const pauseMilliseconds = 50;
/** So often in a row a client is known when both auth processes, asked in turn, have heard of it. */
const oftenEnough = 4;

/** While processes die nothing may be said for a while. @returns the first answer that says something */
export const askPatiently = async <Answer>(ask: () => Promise<Answer | undefined>): Promise<Answer> => {
  const deadline = performance.now() + patienceMilliseconds;
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error('nobody has answered');
    await delay(pauseMilliseconds);
  }
};

const askOperator = ({ issuer, operator }: EndingGround, path: string, init: Parameters<Send>[1]): Promise<number> =>
  askPatiently(async () => {
    const { status } = await operator(new URL(path, issuer), init);
    return status === 503 ? undefined : status;
  });

const setDisabled = async (ground: EndingGround, subject: string, disabled: boolean): Promise<void> => {
  const status = await askOperator(ground, `/internal/accounts/${subject}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ disabled }),
  });
  if (status !== 200) throw new Error(`PATCH answered ${status}`);
};

/** Nobody knows the client any more. */
export const removeClient = async (ground: EndingGround, { clientId }: ClientRegistration): Promise<void> => {
  await askOperator(ground, `/internal/clients/${clientId}`, { method: 'DELETE' });
};

/** Ends it; when this returns, nothing of before may be alive. */
export const end = async (ground: EndingGround, ending: Ending, { registration, subject }: Owners): Promise<void> => {
  if (ending === 'client deleted') return removeClient(ground, registration);
  if (ending === 'account disabled') await setDisabled(ground, subject, true);
  // After an account was disabled a worker does the same, soon; so that what is under way is met, nobody waits for it here.
  await askPatiently(() => ground.store.revoke({ by: 'subject', subject }));
};

/** What was ended is there again, at every process. */
export const restore = async (ground: EndingGround, ending: Ending, owners: Owners): Promise<void> => {
  if (ending === 'account disabled') await setDisabled(ground, owners.subject, false);
  if (ending === 'client deleted') await addClient(ground, owners.registration);
};

/** Every process knows the client. @returns what the application works with */
export const addClient = async (
  ground: EndingGround,
  registration: ClientRegistration,
): Promise<client.Configuration> => {
  await askPatiently(() => putClient(ground.operator, registration));
  const configuration = await askPatiently(() => discover(ground.send, registration, shopSecret));
  for (let inARow = 0; inARow < oftenEnough; ) {
    const isKnown = await client.clientCredentialsGrant(configuration).then(
      () => true,
      () => false,
    );
    inARow = isKnown ? inARow + 1 : 0;
    if (!isKnown) await delay(pauseMilliseconds);
  }
  return configuration;
};
