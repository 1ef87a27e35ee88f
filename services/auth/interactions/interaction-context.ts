import type { Request, Response } from 'express';
import { errors, type Interaction, type Provider } from 'oidc-provider';
import type { Logger } from 'pino';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import type { Accounts } from '../accounts/accounts.ts';
import type { RequestOrigin } from '../audit/audit-event.ts';
import { clientAddressOf } from '../audit/client-address.ts';
import type { AuthMetrics } from '../auth-metrics.ts';
import type { Consents } from '../consent/consents.ts';
import type { Pages } from '../pages/pages.ts';
import { issuerPath, paths } from '../provider/issuer.ts';
import type { AuthSettings } from '../settings.ts';
import type { UnitOptions } from '../unit-of-work/unit-middleware.ts';
import { createCsrfToken, verifyCsrfToken } from './csrf.ts';
import { ForgedForm } from './forged-form.ts';

export type InteractionOptions = UnitOptions & {
  metrics: AuthMetrics;
  settings: Pick<AuthSettings, 'issuer' | 'registrationEnabled' | 'passwordMinimumLength' | 'mail' | 'consent'>;
  provider: Provider;
  cookieKeys: readonly string[];
  accounts: Accounts;
  consents: Consents;
  findClient: (clientId: string) => ClientRegistration | undefined;
  pages: Pages;
  logger: Logger;
};

/** An interaction with what its pages need. */
export type Opened = {
  readonly interaction: Interaction;
  readonly registration: ClientRegistration;
  readonly origin: RequestOrigin;
  /** Address of the interaction's first page, without the host. */
  readonly address: string;
  /** For its forms. */
  readonly csrf: string;
};

/** What every route of an interaction has. */
export type InteractionContext = InteractionOptions & {
  /** Throws `SessionNotFound` for an interaction that is not there, or not this browser's. */
  open(request: Request, response: Response): Promise<Opened>;
  /** The same for a form, whose token is checked: throws `ForgedForm`. */
  openForm(request: Request, response: Response): Promise<Opened>;
};

/** A parameter of an authorization request, as a text of bounded length. */
export const asText = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 254) : '');

export const createInteractionContext = (options: InteractionOptions): InteractionContext => {
  const { settings, provider, cookieKeys, findClient } = options;
  const base = `${issuerPath(settings.issuer)}${paths.interaction}`;

  const open = async (request: Request, response: Response): Promise<Opened> => {
    const interaction = await provider.interactionDetails(request, response);
    const registration = findClient(asText(interaction.params['client_id']));
    // The cookie's path is the interaction's own, so another uid here is an address that somebody has put together.
    if (interaction.uid !== request.params['uid'] || registration === undefined) {
      throw new errors.SessionNotFound('interaction session not found');
    }
    return {
      interaction,
      registration,
      origin: { clientAddress: clientAddressOf(request), clientId: registration.clientId },
      address: `${base}/${interaction.uid}`,
      csrf: createCsrfToken(cookieKeys, interaction.uid),
    };
  };

  return {
    ...options,
    open,
    openForm: async (request, response) => {
      const opened = await open(request, response);
      const presented: unknown = request.body?.csrf;
      if (!verifyCsrfToken(cookieKeys, opened.interaction.uid, presented)) throw new ForgedForm();
      return opened;
    },
  };
};
