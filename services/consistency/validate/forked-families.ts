import pg from 'pg';

/**
 * Families that the database holds more than one usable refresh token of, whatever any client saw. Of one that has ended, by
 * its own mark or by an epoch, there may be several: races of endings go on with a session, by one code after the other.
 * @param databaseUrl of the owner: no service can read this for another.
 */
export const countForkedFamilies = async (databaseUrl: string): Promise<number> => {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ forked: string }>(`
      SELECT count(*) AS forked FROM (
        SELECT token.grant_hash FROM token_store.tokens AS token
          JOIN token_store.living_grants AS family ON family.id_hash = token.grant_hash
         WHERE token.kind = 'refresh_token' AND token.consumed_at IS NULL
         GROUP BY token.grant_hash HAVING count(*) > 1) AS families`);
    return Number(rows[0]?.forked ?? 0);
  } finally {
    await client.end();
  }
};
