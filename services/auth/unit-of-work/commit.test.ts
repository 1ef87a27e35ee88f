import { describe, expect, it } from 'vitest';
import type { TransactionRequest, TransactionResponse } from '../../token-store/contract.ts';
import { type CommitOutcome, commitUnit } from './commit.ts';
import { createUnitOfWork, type UnitOfWork } from './unit-of-work.ts';

const startUnit = (): UnitOfWork =>
  createUnitOfWork(
    async () => ({ related: [] }),
    () => 0,
  );

const commit = async (
  unit: UnitOfWork,
  answer: () => Promise<TransactionResponse>,
): Promise<{ outcome: CommitOutcome; sent: TransactionRequest[] }> => {
  const sent: TransactionRequest[] = [];
  const store = {
    find: async () => ({ related: [] }),
    introspect: async () => ({ active: false }),
    commit: (request: TransactionRequest) => {
      sent.push(request);
      return answer();
    },
  };
  const newCommitId = () => `commit ${sent.length}`;
  return { outcome: await commitUnit(unit, { route: 'token', store, newCommitId }), sent };
};

const committed = async (): Promise<TransactionResponse> => ({ outcome: 'committed' });

describe('commitUnit', () => {
  it('asks nothing of the store when nothing is to be written', async () => {
    expect(await commit(startUnit(), committed)).toEqual({ outcome: { kind: 'committed' }, sent: [] });
  });

  it('tells of a store that gives no answer, or refuses', async () => {
    const unit = startUnit();
    unit.consume('authorization_code', 'c1');
    const cause = new Error('no answer');
    const away = await commit(unit, () => Promise.reject(cause));
    expect(away.outcome).toEqual({ kind: 'unavailable', cause });
    const refused = await commit(unit, async () => ({ outcome: 'refused', reason: 'already_consumed' }));
    expect(refused.outcome).toEqual({ kind: 'refused', reason: 'already_consumed' });
  });

  it('is unavailable when something could not be read, though the write went well', async () => {
    const unit = startUnit();
    unit.markAway();
    unit.revokeGrant('g1');
    const { outcome, sent } = await commit(unit, committed);
    expect(outcome.kind).toBe('unavailable');
    expect(sent).toHaveLength(1);
  });

  it('comes again, under another id, when its session has changed, and not for ever', async () => {
    const session = { kind: 'session', id: 's1', payload: { jti: 's1', uid: 'u1' } } as const;
    const find = async () => ({
      record: { ...session, version: 1, expiresAt: '2030-01-01T00:00:00.000Z' },
      related: [],
    });
    const commitAfter = async (changes: number) => {
      const sent: TransactionRequest[] = [];
      const unit = createUnitOfWork(find, () => 0);
      await unit.find('session', 'id', 's1');
      unit.upsert({ ...session, expiresInSeconds: 60 });
      const store = {
        find,
        introspect: async () => ({ active: false }),
        commit: async (request: TransactionRequest): Promise<TransactionResponse> => {
          sent.push(request);
          return sent.length > changes ? { outcome: 'committed' } : { outcome: 'refused', reason: 'session_changed' };
        },
      };
      const outcome = await commitUnit(unit, { route: 'resume', store, newCommitId: () => `commit ${sent.length}` });
      return { outcome, ids: new Set(sent.map(({ commitId }) => commitId)).size };
    };
    expect(await commitAfter(20)).toEqual({ outcome: { kind: 'committed' }, ids: 21 });
    expect(await commitAfter(1000)).toMatchObject({ outcome: { kind: 'refused', reason: 'session_changed' } });
  });

  it('gives each transaction an id of its own', async () => {
    const unit = startUnit();
    for (let grant = 0; grant < 100; grant += 1) unit.revokeGrant(`g${grant}`);
    const { outcome, sent } = await commit(unit, committed);
    expect(outcome.kind).toBe('committed');
    expect(new Set(sent.map(({ commitId }) => commitId)).size).toBe(2);
  });
});
