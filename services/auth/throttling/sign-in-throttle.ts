import type { EmailAddress } from '../accounts/email-address.ts';
import { addressCounters } from './address-counters.ts';
import type { AttemptKey } from './attempt-counters.ts';
import { networkOfAddress } from './network.ts';

/** Who tries a password: for which address, from where, and whether the device has signed in there before. */
export type PasswordAttempt = {
  readonly email: EmailAddress;
  readonly clientAddress: string;
  readonly deviceId: string | undefined;
};

/** Counters of one attempt: `own` begin anew when it succeeds, from `shared` ones it is taken back. */
export type PasswordCounters = { readonly own: readonly AttemptKey[]; readonly shared: readonly AttemptKey[] };

/**
 * A known device has a counter of its own and no other. All others are counted by account and network, by account, and by
 * address. The address is counted as typed, so that an account that does not exist behaves like one that does.
 */
export const listPasswordCounters = ({ email, clientAddress, deviceId }: PasswordAttempt): PasswordCounters =>
  deviceId === undefined
    ? {
        own: [{ limit: 'password by account and network', of: `${email} ${networkOfAddress(clientAddress)}` }],
        shared: [{ limit: 'password by account', of: email }, ...addressCounters('password by address', clientAddress)],
      }
    : { own: [{ limit: 'password by known device', of: `${email} ${deviceId}` }], shared: [] };
