import { z } from 'zod';
import type { ConsentParties } from '../consent/consent-repository.ts';
import { buildWantedConsent, needsConsent, wantsQuestion } from '../consent/wanted-consent.ts';
import { describeScopes } from '../pages/scope-words.ts';
import { grantFirstParty } from './first-party-grant.ts';
import { ForgedForm } from './forged-form.ts';
import type { InteractionContext, Opened } from './interaction-context.ts';
import type { InteractionAnswer, InteractionRoute } from './interaction-unit.ts';

/**
 * Grants what an application wants, where that needs nobody's word, or has it. Undefined when somebody has to be asked.
 * A grant that rests on a consent is noted before it is used, so that a withdrawal finds it. `wasAsked`: in this request.
 */
export const grantWhatIsAgreed = async (
  { provider, consents, settings }: InteractionContext,
  { interaction, registration }: Opened,
  { accountId, isNewSignIn, wasAsked }: { accountId: string; isNewSignIn: boolean; wasAsked: boolean },
): Promise<string | undefined> => {
  const grant = () => grantFirstParty(provider, interaction, { accountId, registration, isNewSignIn });
  if (!needsConsent(registration)) return grant();
  if (wantsQuestion(interaction.params) && !wasAsked) return undefined;
  const parties: ConsentParties = { accountId, clientId: registration.clientId };
  const wanted = buildWantedConsent(interaction.params, registration, settings.consent);
  if ((await consents.findMissing(parties, wanted)) !== undefined) return undefined;
  const grantId = await grant();
  return (await consents.noteGrant(parties, grantId)) ? grantId : undefined;
};

/** The page on which somebody is asked. */
export const renderConsent = async (
  { pages, settings, accounts, consents }: InteractionContext,
  { interaction, registration, address, csrf }: Opened,
  accountId: string,
): Promise<InteractionAnswer> => {
  const { clientId, clientName = clientId } = registration;
  const wanted = buildWantedConsent(interaction.params, registration, settings.consent);
  const missing = await consents.findMissing({ accountId, clientId }, wanted);
  const asked = wantsQuestion(interaction.params) ? wanted.scopes : (missing ?? wanted.scopes);
  const page = pages.render(
    'consent',
    {
      application: clientName,
      email: (await accounts.findById(accountId))?.email ?? '',
      scopes: describeScopes(asked),
      policyUrl: settings.consent.policyUrl,
      csrf,
      action: `${address}/consent`,
    },
    { formTargets: registration.redirectUris },
  );
  return { kind: 'page', status: 200, page };
};

const formSchema = z.object({ decision: z.enum(['allow', 'deny']) });

/** The answer to the page. */
export const createConsentRoute = (context: InteractionContext): InteractionRoute => {
  const { provider, consents, settings, logger, openForm } = context;
  return async (request, response) => {
    const opened = await openForm(request, response);
    const { interaction, registration, origin } = opened;
    const accountId = interaction.session?.accountId;
    const form = formSchema.safeParse(request.body);
    if (interaction.prompt.name !== 'consent' || accountId === undefined || !form.success) throw new ForgedForm();
    const parties: ConsentParties = { accountId, clientId: registration.clientId };
    logger.info(
      { client: registration.clientId, subject: accountId, decision: form.data.decision },
      'consent answered',
    );
    if (form.data.decision === 'deny') {
      await consents.refuse(parties, origin);
      const result = { error: 'access_denied', error_description: 'the user has not agreed' };
      return { kind: 'redirect', location: await provider.interactionResult(request, response, result) };
    }
    await consents.give(parties, buildWantedConsent(interaction.params, registration, settings.consent), origin);
    // Whoever takes the consent back in this moment is asked again.
    const grantId = await grantWhatIsAgreed(context, opened, { accountId, isNewSignIn: true, wasAsked: true });
    if (grantId === undefined) return renderConsent(context, opened, accountId);
    const location = await provider.interactionResult(request, response, { consent: { grantId } });
    return { kind: 'redirect', location };
  };
};
