import { interactionPolicy } from 'oidc-provider';
import { type ConsentPromptOptions, createConsentCheck } from '../consent/consent-prompt.ts';

const { base, Check } = interactionPolicy;

/**
 * A session whose account is gone or disabled signs nobody in, also in the moment before it is revoked. The library takes
 * the account for granted there, and fails.
 */
const createAccountCheck = (): InstanceType<typeof Check> =>
  new Check(
    'account_gone',
    'End-User authentication is required',
    ({ oidc }) => oidc.session?.accountId !== undefined && oidc.account === undefined,
  );

/** When somebody is asked for something: oidc-provider's own policy, and our questions before its. */
export const buildInteractionPolicy = (options: ConsentPromptOptions): interactionPolicy.DefaultPolicy => {
  const policy = base();
  policy.get('login')?.checks.add(createAccountCheck(), 0);
  policy.get('consent')?.checks.add(createConsentCheck(options), 0);
  return policy;
};
