import type { Provider } from 'oidc-provider';
import type { ConsumableKind, RecordKind } from '../../token-store/contract.ts';

/** oidc-provider's models that the token-store keeps, by class name. */
const recordKinds: Readonly<Record<string, RecordKind>> = {
  Session: 'session',
  Interaction: 'interaction',
  Grant: 'grant',
  AuthorizationCode: 'authorization_code',
  RefreshToken: 'refresh_token',
  AccessToken: 'access_token',
  ClientCredentials: 'client_credentials',
  DeviceCode: 'device_code',
  PushedAuthorizationRequest: 'pushed_authorization_request',
};

const consumableKinds: ReadonlySet<RecordKind> = new Set<ConsumableKind>([
  'authorization_code',
  'refresh_token',
  'device_code',
  'pushed_authorization_request',
]);

export const isConsumable = (kind: RecordKind): kind is ConsumableKind => consumableKinds.has(kind);

/** Undefined for models of features that are off. */
export const recordKindOf = (model: string): RecordKind | undefined =>
  Object.hasOwn(recordKinds, model) ? recordKinds[model] : undefined;

const modelNames = [
  'AccessToken',
  'AuthorizationCode',
  'BackchannelAuthenticationRequest',
  'ClientCredentials',
  'DeviceCode',
  'Grant',
  'InitialAccessToken',
  'Interaction',
  'PreAuthorizedCode',
  'PushedAuthorizationRequest',
  'RefreshToken',
  'RegistrationAccessToken',
  'ReplayDetection',
  'Session',
] as const;

/**
 * oidc-provider tells its adapter which model it is for by the class's name, and a minifying bundler takes those away:
 * all records would then be of one kind. Throws before the first request instead.
 */
export const assertModelNames = (provider: Provider): void => {
  for (const name of modelNames) {
    const model: unknown = Reflect.get(provider, name);
    if (typeof model !== 'function' || model.name !== name) {
      throw new Error(`the class of oidc-provider's ${name} has lost its name`);
    }
  }
};
