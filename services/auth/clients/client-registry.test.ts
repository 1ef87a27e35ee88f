import { describe, expect, it } from 'vitest';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import { createClientRegistry } from './client-registry.ts';
import type { ClientRepository } from './client-repository.ts';

const client = (clientId: string): ClientRegistration => ({
  clientId,
  grantTypes: ['client_credentials'],
  redirectUris: [],
  postLogoutRedirectUris: [],
  scopes: [],
  audiences: [],
  tokenEndpointAuthMethod: 'client_secret_basic',
  secretHashes: [],
});

const createTable = () => {
  const table = { revision: 1, clients: [client('a')], reads: 0, delays: [] as Promise<void>[] };
  const repository: ClientRepository = {
    readRevision: async () => table.revision,
    readAll: async () => {
      table.reads += 1;
      const { revision, clients } = table;
      await table.delays.shift();
      return { revision, clients };
    },
    put: async () => 0,
    remove: async () => 0,
  };
  return { table, registry: createClientRegistry(repository) };
};

describe('createClientRegistry', () => {
  it('reads all clients once a revision, a lower one of a restored database included', async () => {
    const { table, registry } = createTable();
    expect([registry.revision(), registry.find('a')]).toEqual([undefined, undefined]);
    await registry.refresh();
    await registry.refresh();
    expect([registry.revision(), registry.find('a')?.clientId, table.reads]).toEqual([1, 'a', 1]);
    Object.assign(table, { revision: 0, clients: [client('b')] });
    await registry.refresh();
    expect([registry.revision(), registry.find('a'), registry.all().length]).toEqual([0, undefined, 1]);
  });

  it('never goes back to what a slow read had begun with', async () => {
    const { table, registry } = createTable();
    const slow = Promise.withResolvers<void>();
    table.delays.push(slow.promise);
    const first = registry.refresh();
    await Promise.resolve();
    await Promise.resolve();
    Object.assign(table, { revision: 2, clients: [client('b')] });
    const second = registry.refresh();
    slow.resolve();
    await Promise.all([first, second]);
    expect(registry.revision()).toBe(2);
  });

  it('goes on after a read that failed', async () => {
    const { table, registry } = createTable();
    table.delays.push(Promise.reject(new Error('away')));
    await expect(registry.refresh()).rejects.toThrow('away');
    await registry.refresh();
    expect(registry.revision()).toBe(1);
  });
});
