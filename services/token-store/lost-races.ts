import { databaseErrorCode } from '../shared/postgres-errors.ts';

/** What another transaction may cause and a repetition cures: a deadlock, and a key that was taken meanwhile. */
const lostRaces: ReadonlySet<string> = new Set(['40P01', '23505']);
const attempts = 8;

/** Runs work again that lost a race in the database; what else it throws is thrown on. */
export const retryLostRaces = async <Value>(work: () => Promise<Value>): Promise<Value> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!lostRaces.has(databaseErrorCode(error)) || attempt === attempts) throw error;
    }
  }
};
