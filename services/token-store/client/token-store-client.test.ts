import { describe, expect, it } from 'vitest';
import type { PeerRequest, PeerResponse } from '../../shared/peer-pool.ts';
import { createTokenStoreClient, TokenStoreContractError, TokenStoreUnavailable } from './token-store-client.ts';

const commitId = '7f8ff8a6-6a63-4a4e-9d4d-2f4a1d4f0c11';
const transaction = { commitId, intents: [{ operation: 'revoke_grant' as const, grantId: 'g' }] };
const answer = (status: number, body: unknown, headers = {}): PeerResponse => ({
  status,
  headers,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
});

/** A pool that gives these answers in turn, the last one for ever, and a clock that moves by the pauses. */
const clientOf = (...answers: (PeerResponse | Error)[]) => {
  const requests: PeerRequest[] = [];
  let now = 0;
  const client = createTokenStoreClient({
    pool: {
      request: async (request) => {
        requests.push(request);
        const next = answers[Math.min(requests.length, answers.length) - 1];
        if (next === undefined || next instanceof Error) throw next;
        return next;
      },
    },
    deadlineMilliseconds: 1000,
    clock: () => now,
    random: () => 0.5,
    delay: async (milliseconds) => {
      now += milliseconds;
    },
  });
  return { client, requests };
};

describe('token-store client', () => {
  it('returns both outcomes of a commit as values', async () => {
    expect(await clientOf(answer(200, { outcome: 'committed' })).client.commit(transaction)).toEqual({
      outcome: 'committed',
    });
    const refused = { outcome: 'refused', reason: 'grant_revoked' };
    expect(await clientOf(answer(409, refused)).client.commit(transaction)).toEqual(refused);
  });

  it('repeats the same commit after a lost answer and after 503', async () => {
    const { client, requests } = clientOf(
      new Error('socket hang up'),
      answer(503, '', { 'retry-after': '1' }),
      answer(200, { outcome: 'committed' }),
    );
    expect(await client.commit(transaction)).toEqual({ outcome: 'committed' });
    expect(requests).toHaveLength(3);
    expect(new Set(requests.map(({ body }) => body)).size).toBe(1);
    expect(requests.every(({ idempotent }) => idempotent)).toBe(true);
  });

  it('gives up at its deadline, with what the last answer said', async () => {
    const { client, requests } = clientOf(answer(503, '', { 'retry-after': '7' }));
    await expect(client.find({ kind: 'grant', by: 'id', value: 'g' })).rejects.toMatchObject({
      name: 'TokenStoreUnavailable',
      retryAfterSeconds: 7,
    });
    expect(requests.length).toBeGreaterThan(2);
    expect(requests.length).toBeLessThan(10);
    await expect(clientOf(new Error('refused')).client.commit(transaction)).rejects.toBeInstanceOf(
      TokenStoreUnavailable,
    );
  });

  it.each([
    ['400', answer(400, {})],
    ['403', answer(403, {})],
    ['no JSON', answer(200, '<html>')],
    ['another shape', answer(200, { outcome: 'perhaps' })],
    ['a refusal of a read', answer(409, { active: true })],
  ])('does not repeat what is outside of the contract: %s', async (_name, response) => {
    const { client, requests } = clientOf(response);
    const call = _name.startsWith('a refusal')
      ? client.introspect({ jti: 'j', clientId: 'c' })
      : client.commit(transaction);
    await expect(call).rejects.toBeInstanceOf(TokenStoreContractError);
    expect(requests).toHaveLength(1);
  });
});
