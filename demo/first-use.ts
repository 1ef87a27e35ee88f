import { randomBytes } from 'node:crypto';
import { decodeJwt } from 'jose';
import { demo, readBinding } from '../e2e/installation/demo-installation.ts';
import { createIssuerConnection } from '../examples/application/issuer-connection.ts';
import { callServiceA, connectRelyingParty } from '../examples/application/relying-party.ts';
import { type Person, signUpAndIn } from '../examples/application/sign-up.ts';
import { displayPath } from '../tools/dev/display-path.ts';
import type { Progress } from '../tools/machine/progress.ts';
import { demoApplication, issuerPort } from './demo-application.ts';
import { readDemoFile, writeDemoFile } from './demo-state.ts';
import type { DemoInstallation } from './installation.ts';
import { runLoggedStep } from './logged-step.ts';
import { formatServices } from './summary.ts';

/** Who signed in, and what the tokens said of them. */
export type FirstUse = { readonly person: Person; readonly idToken: object; readonly accessToken: object };

/** The demo's user. All of them have one password: an earlier demo's users are still in its database. */
const ensurePerson = async (): Promise<Person> => {
  const password = (await readDemoFile('password')) ?? randomBytes(15).toString('base64url');
  await writeDemoFile('password', password);
  return { email: `ada-${randomBytes(3).toString('hex')}@example.test`, password, name: 'Ada Lovelace' };
};

/**
 * A person signs up and in, and an application calls A with the token.
 * @throws StepFailure
 */
export const useDemo = async (
  { client, ca, kubeconfigPath }: DemoInstallation,
  progress: Progress,
): Promise<FirstUse> => {
  const logs = (labels: string): string =>
    `kubectl --kubeconfig ${displayPath(kubeconfigPath)} -n ${demo.namespace} logs -l ${labels} --prefix --tail=-1`;
  const connection = createIssuerConnection({ ca, port: issuerPort });
  try {
    const person = await ensurePerson();
    const authLog = logs(`app.kubernetes.io/instance=${demo.tenant},app.kubernetes.io/component=auth`);
    const { party, tokens } = await runLoggedStep(progress, { name: 'sign-up, in', log: authLog }, async (detail) => {
      const binding = await readBinding(client, demoApplication.secretName);
      const connected = await connectRelyingParty({ ...binding, ...demoApplication.addresses }, connection.fetch);
      const received = await signUpAndIn(connected, person);
      detail(`${person.email}: code + PKCE through ${demo.issuer}`);
      return { party: connected, tokens: received };
    });
    const servicesLog = logs("'app in (service-a, service-b, service-c)'");
    await runLoggedStep(progress, { name: 'services', log: servicesLog }, async (detail) => {
      const answer = await callServiceA(party, tokens.access_token);
      detail(formatServices(answer, tokens.claims()?.sub ?? ''));
    });
    return { person, idToken: tokens.claims() ?? {}, accessToken: decodeJwt(tokens.access_token) };
  } finally {
    await connection.close();
  }
};
