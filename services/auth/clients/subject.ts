import { createHmac } from 'node:crypto';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';

type Sector = Pick<ClientRegistration, 'sectorIdentifier' | 'redirectUris'>;

/**
 * Clients of one sector know a person by the same pairwise subject (OpenID Connect Core, 8.1): the host of the redirect
 * URIs, unless one is named. Empty where there is neither, and then nobody signs in.
 */
export const sectorOf = ({ sectorIdentifier, redirectUris: [first = ''] }: Sector): string =>
  sectorIdentifier ?? URL.parse(first)?.host ?? '';

/** As whom a client knows an account: the `sub` of every token, answer and notice that the client gets. */
export type SubjectOf = (registration: ClientRegistration | undefined, accountId: string) => string;

/**
 * @param salt kept as long as the accounts: with another one, nobody is known any more at the clients concerned. It is no
 * key of cookies for that reason, which roll.
 */
export const createSubjects =
  (salt: string): SubjectOf =>
  (registration, accountId) =>
    registration?.subjectType === 'pairwise'
      ? createHmac('sha256', salt)
          .update(`${sectorOf(registration)}\0${accountId}`)
          .digest('base64url')
      : accountId;
