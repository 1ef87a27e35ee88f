import { setTimeout as delay } from 'node:timers/promises';
import * as client from 'openid-client';
import { shop, shopSecret } from '../../auth/testing/auth-fixture.ts';
import type { Browser } from '../../auth/testing/browser.ts';
import { ada, register, signIn, startAuthorization } from '../../auth/testing/relying-party.ts';
import { addClient, askPatiently, type Ending, type EndingGround, end, removeClient, restore } from './ending.ts';
import { parameters } from './family-client.ts';

/** Everything that somebody got hold of before the end or in the same moment. */
type Gains = { readonly refreshTokens: string[]; readonly browsers: Browser[] };
type Entry = { readonly browser: Browser } & Awaited<ReturnType<typeof signIn>>;
type Holder = { readonly browser: Browser; readonly refreshToken: string; readonly subject: string };

/** So many do each thing at once. Of one person no more are let in; strangers keep the hashes of newcomers waiting. */
const [holders, newcomers, strangers] = [3, 8, 8];
/** The end comes within so long of the beginning, ms. */
const latestEnd = 150;

type Person = { readonly email: string; readonly password: string; readonly name: string };

/** One of their own for each race: a disabled account's sign-ins fail, and failures are counted. */
const registerSomebody = (ground: EndingGround, configuration: client.Configuration): Promise<Person> =>
  askPatiently(async () => {
    const person = { ...ada, email: `${crypto.randomUUID()}@example.test` };
    const browser = ground.browser();
    const { url } = await startAuthorization(configuration, parameters);
    const answer = await register(browser, await browser.open(url), person);
    return answer.status < 400 ? person : undefined;
  });

/** Whoever is too late gets nothing, and that is as it should be. */
const orNothing = <Value>(attempt: Promise<Value>): Promise<Value | undefined> => attempt.catch(() => undefined);

/** Whose doing is over for certain: an auth process may not have heard yet of a client's end, and a password is still right. */
const rolesOf = (ending: Ending) => ({
  sessions: ending !== 'client deleted',
  newcomers: ending === 'account disabled',
});

/** Sign-ins whose form is there already; strangers first. */
const openDoors = async (
  ground: EndingGround,
  configuration: client.Configuration,
  person: Person,
): Promise<(() => Promise<Entry>)[]> => {
  const open = async (who: Person) => {
    const browser = ground.browser();
    const { url, checks } = await startAuthorization(configuration, parameters);
    const page = await browser.open(url);
    return async () => ({ browser, callback: (await browser.submit(page, who)).url, checks });
  };
  const people = [
    ...Array.from({ length: strangers }, () => ({ ...person, email: `${crypto.randomUUID()}@example.test` })),
    ...Array.from({ length: newcomers }, () => person),
  ];
  const opened = await Promise.all(people.map((who) => orNothing(open(who))));
  return opened.filter((door) => door !== undefined);
};

/**
 * Signs in, refreshes, and goes on with sessions that there are, while that ends; then has it back, and looks whether anything
 * of before has lived on.
 * @param random 0 to 1
 * @returns a line for each thing that has
 */
export const runEndingRace = async (ground: EndingGround, ending: Ending, random: () => number): Promise<string[]> => {
  const registration = { ...shop, clientId: `race-${crypto.randomUUID()}` };
  const configuration = await addClient(ground, registration);
  const person = await registerSomebody(ground, configuration);
  const gains: Gains = { refreshTokens: [], browsers: [] };

  const noteEntry = async ({ browser, callback, checks }: Entry): Promise<Holder> => {
    gains.browsers.push(browser);
    const tokens = await client.authorizationCodeGrant(configuration, callback, checks);
    const refreshToken = tokens.refresh_token ?? '';
    gains.refreshTokens.push(refreshToken);
    return { browser, refreshToken, subject: tokens.claims()?.sub ?? '' };
  };
  const enter = async (browser: Browser, more: Record<string, string> = {}): Promise<Holder> =>
    noteEntry({
      browser,
      ...(await signIn(browser, configuration, { parameters: { ...parameters, ...more }, person })),
    });
  const goOn = async (browser: Browser): Promise<never> => {
    for (;;) await enter(browser, { prompt: 'none' });
  };
  const refreshOn = async (token: string): Promise<never> => {
    for (let current = token; ; ) {
      current = (await client.refreshTokenGrant(configuration, current)).refresh_token ?? '';
      gains.refreshTokens.push(current);
    }
  };

  const first = await askPatiently(() => enter(ground.browser()));
  const others = await Promise.all(Array.from({ length: holders - 1 }, () => orNothing(enter(ground.browser()))));
  const all = [first, ...others.filter((holder) => holder !== undefined)];
  const owners = { registration, subject: first.subject };
  const takesPart = rolesOf(ending);
  const doors = takesPart.newcomers ? await openDoors(ground, configuration, person) : [];
  await Promise.all([
    delay(random() * latestEnd).then(() => end(ground, ending, owners)),
    ...all.map(({ refreshToken }) => orNothing(refreshOn(refreshToken))),
    ...(takesPart.sessions ? all.map(({ browser }) => orNothing(goOn(browser))) : []),
    ...doors.map((open) => orNothing(open().then(noteEntry))),
  ]);
  await restore(ground, ending, owners);
  const living = [
    ...(await findLivingTokens(ground, registration.clientId, gains.refreshTokens)),
    // A session is the person's, whatever becomes of an application.
    ...(takesPart.sessions ? await findLivingSessions([...new Set(gains.browsers)], configuration) : []),
  ];
  await removeClient(ground, registration);
  return living;
};

const findLivingTokens = async (
  { issuer, send }: EndingGround,
  clientId: string,
  tokens: readonly string[],
): Promise<string[]> => {
  const living: string[] = [];
  for (const [index, token] of tokens.entries()) {
    const status = await askPatiently(async () => {
      const answer = await send(new URL('/oauth2/token', issuer), {
        method: 'POST',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          authorization: `Basic ${Buffer.from(`${clientId}:${shopSecret}`).toString('base64')}`,
        },
        body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token }).toString(),
      });
      await answer.text();
      return answer.status === 503 ? undefined : answer.status;
    });
    if (status === 200) living.push(`refresh token ${index} of ${tokens.length} lives on`);
  }
  return living;
};

const findLivingSessions = async (
  browsers: readonly Browser[],
  configuration: client.Configuration,
): Promise<string[]> => {
  const living: string[] = [];
  for (const [index, browser] of browsers.entries()) {
    const callback = await askPatiently(async () => {
      const { url } = await startAuthorization(configuration, { ...parameters, prompt: 'none' });
      const page = await browser.open(url);
      return page.url.origin === url.origin ? undefined : page.url;
    });
    if (callback.searchParams.has('code')) living.push(`session ${index} of ${browsers.length} lives on`);
  }
  return living;
};
