import { shopSecret } from '../../auth/testing/auth-fixture.ts';
import { basicOf, get, query } from '../http-request.ts';
import type { Scene } from '../scene.ts';

/** A row: what is wrong, the request, and its answer in the words of `describeAnswer`. */
export type BadRequest = readonly [
  what: string,
  request: string | ((scene: Scene) => string | Promise<string>),
  answer: string,
];

export const addresses = {
  discovery: '/.well-known/openid-configuration',
  jwks: '/oauth2/jwks',
  authorize: '/oauth2/authorize',
  par: '/oauth2/par',
  token: '/oauth2/token',
  userinfo: '/oauth2/userinfo',
  introspect: '/oauth2/introspect',
  revoke: '/oauth2/revoke',
  deviceAuthorization: '/oauth2/device-authorization',
  device: '/oauth2/device',
  signOut: '/oauth2/sign-out',
  interaction: '/oauth2/interaction',
} as const;

/** The client `shop`, by its secret. */
export const basic = basicOf(`shop:${shopSecret}`);
/** A grant that asks for nothing else. */
export const machine = 'grant_type=client_credentials';

/** What makes a good authorization request of `shop`. */
export const goodRequest = {
  client_id: 'shop',
  response_type: 'code',
  redirect_uri: 'https://shop.example/callback',
  scope: 'openid',
  code_challenge: 'x'.repeat(43),
  code_challenge_method: 'S256',
};

/** An authorization request by GET; `undefined` leaves a parameter out. */
export const authorize = (changes: Partial<Record<string, string | undefined>>, ...headers: string[]): string => {
  const parameters = Object.entries({ ...goodRequest, ...changes }).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  );
  return get(`${addresses.authorize}?${query(Object.fromEntries(parameters))}`, ...headers);
};

/** As `authorize`, with text after it that is sent as it is. */
export const authorizeWith = (text: string): string => get(`${addresses.authorize}?${query(goodRequest)}${text}`);
