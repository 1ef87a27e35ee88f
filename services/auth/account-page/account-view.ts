import { z } from 'zod';
import type { TokenStoreClient } from '../../token-store/client/token-store-client.ts';
import type { Consent } from '../consent/consent-repository.ts';
import type { AccountPageValues } from '../pages/account-page-values.ts';
import { describeScopes } from '../pages/scope-words.ts';
import { accountClientId } from './account-client.ts';

type Session = Awaited<ReturnType<TokenStoreClient['listSessions']>>['sessions'][number];

// The library's payload, of which the page shows some members; the last two are ours (`adapter.ts`).
const payloadSchema = z.object({
  loginTs: z.number().optional(),
  authorizations: z.record(z.string(), z.unknown()).optional(),
  device: z.string().optional(),
  usedAt: z.number().optional(),
});

const dates = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' });
const describeDate = (date: Date): { iso: string; text: string } => ({
  iso: date.toISOString(),
  text: `${dates.format(date)} UTC`,
});

/** A session as its owner reads it: on what, since when, when it was used last, and which applications were opened in it. */
export const describeSession = (
  { uid, createdAt, payload }: Session,
  { current, nameOf }: { current: string; nameOf: (clientId: string) => string | undefined },
): AccountPageValues['sessions'][number] => {
  const { loginTs, authorizations = {}, device, usedAt } = payloadSchema.catch({}).parse(payload);
  const applications = Object.keys(authorizations).filter((clientId) => clientId !== accountClientId);
  return {
    uid,
    isCurrent: uid === current,
    device,
    usedAt: usedAt === undefined ? undefined : describeDate(new Date(usedAt * 1000)),
    since: describeDate(loginTs === undefined ? new Date(createdAt) : new Date(loginTs * 1000)),
    applications: applications.map((clientId) => nameOf(clientId) ?? clientId),
  };
};

/** A consent as the one who gave it reads it. */
export const describeConsent = (
  { clientId, scopes, givenAt }: Consent,
  nameOf: (clientId: string) => string | undefined,
): AccountPageValues['applications'][number] => ({
  clientId,
  name: nameOf(clientId) ?? clientId,
  since: describeDate(givenAt),
  scopes: describeScopes(scopes),
});
