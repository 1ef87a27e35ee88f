import { interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import { isDatabaseUnavailable } from '../../shared/postgres-errors.ts';
import type { AuthSettings } from '../settings.ts';
import { currentUnit } from '../unit-of-work/current-unit.ts';
import type { Consents } from './consents.ts';
import { buildWantedConsent, needsConsent } from './wanted-consent.ts';

const { Check } = interactionPolicy;

export type ConsentPromptOptions = {
  settings: Pick<AuthSettings, 'consent'>;
  findClient: (clientId: string) => ClientRegistration | undefined;
  consents: Consents;
};

/** Whether somebody who is signed in has to be asked; a grant that was given under an older policy does not do. */
const isConsentMissing = async ({ oidc }: KoaContextWithOIDC, options: ConsentPromptOptions): Promise<boolean> => {
  const { settings, findClient, consents } = options;
  const registration = findClient(oidc.client?.clientId ?? '');
  const accountId = oidc.session?.accountId;
  if (registration === undefined || accountId === undefined || !needsConsent(registration)) return false;
  const wanted = buildWantedConsent({ ...oidc.params }, registration, settings.consent);
  try {
    return (await consents.findMissing({ accountId, clientId: registration.clientId }, wanted)) !== undefined;
  } catch (error) {
    if (isDatabaseUnavailable(error)) currentUnit()?.unit.markAway();
    throw error;
  }
};

/** A question of ours for the prompt `consent`. */
export const createConsentCheck = (options: ConsentPromptOptions): InstanceType<typeof Check> =>
  new Check('consent_outdated', 'consent is required', 'consent_required', (context) =>
    isConsentMissing(context, options),
  );
