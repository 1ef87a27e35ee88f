import type { Provider } from 'oidc-provider';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import { readServiceAccountSubject } from '../clients/service-account-token.ts';
import type { ServiceAccountTokens } from '../settings.ts';

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export type ServiceAccountAssertionOptions = {
  serviceAccountTokens: () => ServiceAccountTokens | undefined;
  findClient: (clientId: string) => ClientRegistration | undefined;
  /** The one client that is this service account's; undefined when there is none, or more than one. */
  findClientOfServiceAccount: (subject: string) => ClientRegistration | undefined;
};

type Params = Record<string, unknown>;

/** @returns the parameters by which the library asks us about the token; undefined for every other request. */
const rewrite = (params: Params, options: ServiceAccountAssertionOptions): Params | undefined => {
  const {
    client_assertion: assertion,
    client_assertion_type: type,
    client_id: clientId,
    client_secret: secret,
  } = params;
  if (typeof assertion !== 'string' || type !== assertionType || secret !== undefined) return undefined;
  const subject = readServiceAccountSubject(assertion, options.serviceAccountTokens());
  if (subject === undefined) return undefined;
  const registration =
    typeof clientId === 'string' ? options.findClient(clientId) : options.findClientOfServiceAccount(subject);
  if (registration?.serviceAccountSubject !== subject) return undefined;
  return {
    client_id: registration.clientId,
    client_secret: assertion,
    client_assertion: undefined,
    client_assertion_type: undefined,
  };
};

/**
 * Takes the token of a Kubernetes service account as a client's assertion (RFC 7523). oidc-provider demands assertions whose
 * issuer is the client, each used once; a projected token is neither. It becomes the secret of its client where the
 * parameters are put together, and `compareClientSecret` verifies it: no check of the library's is left out but those two.
 */
export const acceptServiceAccountTokens = (provider: Provider, options: ServiceAccountAssertionOptions): void => {
  const held = new WeakMap<object, Params>();
  // The library's types leave the class out.
  const context: unknown = Reflect.get(provider, 'OIDCContext');
  if (typeof context !== 'function') throw new Error('oidc-provider has no OIDCContext any more');
  Object.defineProperty(context.prototype, 'params', {
    configurable: true,
    get(this: object): Params | undefined {
      return held.get(this);
    },
    set(this: object, params: Params) {
      // The object that the library made: it asks for its own methods.
      held.set(this, Object.assign(params, rewrite(params, options)));
    },
  });
};
