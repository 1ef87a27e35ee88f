import type { QueryConfig, QueryResult, QueryResultRow } from 'pg';
import type { PostgresPool, Queryable } from '../../shared/postgres-pool.ts';

/** A token-store with a fault that somebody could well build into it. The suite must see each. */
export type Mutant = {
  readonly name: string;
  /** What its statements are in place of ours. */
  readonly mutate: (connection: Queryable) => Queryable;
};

/** Every statement of this pool, in transactions and outside, by the mutant. */
export const mutatePool = (pool: PostgresPool, { mutate }: Mutant): PostgresPool => ({
  ...pool,
  query: mutate(pool).query,
  transaction: (work, keeps) => pool.transaction((connection) => work(mutate(connection)), keeps),
  batch: (statements) =>
    pool.transaction(async (connection) => {
      const answers: QueryResult[] = [];
      for (const statement of statements) answers.push(await mutate(connection).query(statement));
      return answers;
    }),
});

type Words = readonly (readonly [from: string, to: string])[];

/** Statements whose name matches are sent with other words. */
const rewriting =
  (isMeant: RegExp, ...words: Words): Mutant['mutate'] =>
  (connection) => ({
    query: <Row extends QueryResultRow>(statement: QueryConfig) => {
      const { name = '', text, ...rest } = statement;
      if (!isMeant.test(name)) return connection.query<Row>(statement);
      if (!words.every(([from]) => text.includes(from)))
        throw new Error(`${name} has changed: the mutant is none any more`);
      const mutated = words.reduce((changed, [from, to]) => changed.replaceAll(from, to), text);
      // Without its name, which the server knows for other words.
      return connection.query<Row>({ ...rest, text: mutated });
    },
  });

/** Answers again what it has answered before to the same question. */
const remembering = (isMeant: RegExp): Mutant['mutate'] => {
  const answers = new Map<string, Promise<QueryResult>>();
  return (connection) => ({
    query: <Row extends QueryResultRow>(statement: QueryConfig) => {
      if (!isMeant.test(statement.name ?? '')) return connection.query<Row>(statement);
      const key = JSON.stringify([statement.name, statement.values]);
      const known = answers.get(key) ?? connection.query(statement);
      answers.set(key, known);
      // What was asked for the same question has the same columns.
      return known as Promise<QueryResult<Row>>;
    },
  });
};

/**
 * Looks records up in a standby, which has what was committed a moment ago or has not yet.
 * @param replica a standby that nothing is waited for
 */
export const readsFromReplica = (replica: Queryable): Mutant => ({
  name: 'reads from a replica',
  mutate: (connection) => ({
    query: (statement) => (/^(find-|introspect)/.test(statement.name ?? '') ? replica : connection).query(statement),
  }),
});

/** Their faults show in races over tokens and proofs. */
export const storeMutants: readonly Mutant[] = [
  {
    name: 'reads whether a record was used, and marks it without asking again',
    mutate: rewriting(/^consume-/, [
      '((record.consumed_at IS NULL AND record.expires_at > now()) OR record.consumed_by = $2)',
      '$2::uuid IS NOT NULL',
    ]),
  },
  {
    name: 'rotates a refresh token without asking whether it was used',
    mutate: rewriting(/^rotate-/, [
      '((record.consumed_at IS NULL AND record.expires_at > now()) OR record.consumed_by = $2::uuid)',
      '$2::uuid IS NOT NULL',
    ]),
  },
  { name: 'asks a cache before the database', mutate: remembering(/^(find-|introspect)/) },
  {
    name: 'refuses a commit that comes again for its own one-time id',
    mutate: rewriting(/^use-one-time-ids$/, ['used.commit_id = EXCLUDED.commit_id OR ', '']),
  },
  {
    name: 'takes a one-time id for new when it comes with another end',
    mutate: rewriting(/^use-one-time-ids$/, [
      'OR used.expires_at <= now()',
      'OR used.expires_at <> EXCLUDED.expires_at',
    ]),
  },
];

/** Their faults show in the feed of revocations. */
export const feedMutants: readonly Mutant[] = [
  {
    name: 'follows the feed by ids of a sequence',
    mutate: rewriting(
      /^read-revocation-changes$/,
      ['token_store.revocations WHERE xid >= $1::xid8', 'token_store.revocations WHERE id >= $1::text::bigint'],
      [
        'pg_snapshot_xmin(pg_current_snapshot())::text AS next',
        '(SELECT COALESCE(max(id), 0) + 1 FROM token_store.revocations)::text AS next',
      ],
    ),
  },
  {
    name: 'reads again what is younger than a tenth of a second',
    mutate: rewriting(/^read-revocation-changes$/, [
      'token_store.revocations WHERE xid >= $1::xid8',
      "token_store.revocations WHERE revoked_at >= now() - interval '100 milliseconds' AND $1::xid8 IS NOT NULL",
    ]),
  },
];

/** What is no mutant: the suite must find nothing in it. */
export const sound: Mutant = { name: 'the store as it is', mutate: (connection) => connection };
