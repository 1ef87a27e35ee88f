import { expect, it } from 'vitest';
import { planSessionNotices } from './session-notices.ts';

const options = { receives: (clientId: string) => clientId !== 'quiet', endedAt: 1700 };

it('tells each application that was opened in a session and wants to know', () => {
  const session = {
    accountId: 'ada',
    authorizations: { shop: { sid: 's1' }, quiet: { sid: 's2' }, old: { grantId: 'g' }, tv: { sid: 's3' } },
  };
  expect(planSessionNotices([session, { accountId: 'ada' }, { uid: 'nobody' }, undefined], options)).toEqual([
    {
      topic: 'backchannel_logout',
      key: 's1',
      payload: { clientId: 'shop', subject: 'ada', sid: 's1', endedAt: 1700 },
    },
    { topic: 'backchannel_logout', key: 's3', payload: { clientId: 'tv', subject: 'ada', sid: 's3', endedAt: 1700 } },
  ]);
});

it('sends no more than a revocation may bring', () => {
  const authorizations = Object.fromEntries(
    Array.from({ length: 1200 }, (_, n) => [`client-${n}`, { sid: `sid-${n}` }]),
  );
  expect(planSessionNotices([{ accountId: 'ada', authorizations }], options)).toHaveLength(1000);
});
