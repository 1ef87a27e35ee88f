import type * as client from 'openid-client';
import {
  type ApplicationRegistration,
  connectRelyingParty,
  startSignIn,
  type Tokens,
} from '../../examples/application/relying-party.ts';
import * as example from '../../examples/application/sign-up.ts';
import type { IssuerConnection } from './issuer-connection.ts';

// The example application, in the parts that the suites take it apart into: they play with each of them.

export type Application = ApplicationRegistration & { readonly clientSecret: string };
export type Person = example.Person;

/** openid-client configured by discovery, over the forwarder. */
export const discover = async (connection: IssuerConnection, application: Application): Promise<client.Configuration> =>
  (await connectRelyingParty(application, connection.fetch)).configuration;

/** An authorization request with PKCE, and what its answer is checked with. */
export const startAuthorization = async (configuration: client.Configuration, redirectUri: string, scope: string) => {
  const { url, checks } = await startSignIn({ configuration, redirectUri }, scope);
  return { url, checks: { ...checks, idTokenExpected: true } };
};

/** Signs a new person up and in by the pages, as a browser without script would, and exchanges the code. */
export const signUpAndIn = (
  connection: IssuerConnection,
  configuration: client.Configuration,
  application: Application,
  person: Person,
): Promise<Tokens> => example.signUpAndIn({ ...application, configuration, fetch: connection.fetch }, person);
