import { domainToUnicode } from 'node:url';
import type { Observed } from '../observed.ts';
import type { TenantVerdict } from '../status/tenant-verdicts.ts';

const prefix = 'xn--';

/** Comes back as it was, or empty, when there is nothing that it stands for. */
const isDecodable = (label: string): boolean => {
  const text = domainToUnicode(label);
  return text !== '' && !text.startsWith(prefix);
};

/**
 * What no rule of the API server can tell of an issuer: a label of its host that begins with `xn--` stands for letters beyond
 * ASCII, and has to be decoded to be judged (RFC 5891). Browsers refuse an address with one that stands for nothing.
 */
export const decideIssuerHost = ({ spec: { issuer } }: Observed['tenant']): TenantVerdict | undefined => {
  const broken = new URL(issuer).hostname.split('.').find((label) => label.startsWith(prefix) && !isDecodable(label));
  if (broken === undefined) return undefined;
  const message = `the host of the issuer ${issuer} is no name that browsers go to: ${broken} is no internationalised name; make the tenant anew with another issuer`;
  return { type: 'ReferencesResolved', status: 'False', reason: 'IssuerInvalid', message };
};
