import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import { demo, readBinding } from '../installation/demo-installation.ts';
import { createIssuerConnection, type IssuerConnection } from '../installation/issuer-connection.ts';
import type { Application, Person } from '../installation/relying-party.ts';

/** The demo's application, with a way to its issuer. */
export const openApplication = async (
  client: KubernetesClient,
): Promise<{ application: Application; connection: IssuerConnection }> => {
  const { ca, gatewayPort } = inject('environment');
  const application = {
    ...(await readBinding(client, 'demo-app-oidc')),
    redirectUri: 'http://127.0.0.1:8765/callback',
  };
  return { application, connection: createIssuerConnection(ca, gatewayPort) };
};

/** Somebody who has never been here. */
export const newPerson = (name: string): Person => ({
  email: `${name.toLowerCase()}-${randomBytes(4).toString('hex')}@example.test`,
  password: randomBytes(15).toString('base64url'),
  name: `${name} Example`,
});

/** A call of service A by the gateway's route. */
export const callServiceA = (
  connection: IssuerConnection,
  accessToken: string | undefined,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
) =>
  connection.fetch(`${demo.issuer}/a`, {
    ...(signal === undefined ? {} : { signal }),
    headers: { ...headers, ...(accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` }) },
  });
