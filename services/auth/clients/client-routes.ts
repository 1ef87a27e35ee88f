import express, { type RequestHandler, Router } from 'express';
import {
  type ClientRegistryRevision,
  clientIdSchema,
  clientRegistrationSchema,
} from '../../shared/contracts/client-registration.ts';
import { sendProblem } from '../../shared/problem-details.ts';
import type { TokenStoreClient } from '../../token-store/client/token-store-client.ts';
import type { ClientRegistry } from './client-registry.ts';
import type { ClientRepository } from './client-repository.ts';

export type ClientRoutesOptions = {
  registry: ClientRegistry;
  repository: ClientRepository;
  store: Pick<TokenStoreClient, 'revoke'>;
  /** Why oidc-provider would refuse such a client; undefined when it would not. */
  findFault: (registration: ReturnType<typeof clientRegistrationSchema.parse>) => Promise<string | undefined>;
};

// A hundred addresses of 2 KiB each, twice, with room.
const bodyLimit = '512kb';

/** `/internal/clients`, for the operator: how IdentityClients become clients. Every write may be repeated. */
export const createClientRoutes = ({ registry, repository, store, findFault }: ClientRoutesOptions): RequestHandler => {
  const routes = Router();

  routes.get('/', (_request, response) => {
    response.json({ revision: registry.revision() ?? 0, clients: registry.all() });
  });

  routes.put('/:clientId', express.json({ limit: bodyLimit }), async (request, response) => {
    const parsed = clientRegistrationSchema.safeParse(request.body);
    const fault = parsed.success
      ? parsed.data.clientId === request.params['clientId']
        ? await findFault(parsed.data)
        : 'clientId: differs from the address'
      : parsed.error.issues.map(({ path, code }) => `${path.join('.')}: ${code}`).join('; ');
    if (!parsed.success || fault !== undefined) {
      sendProblem(response, {
        status: 400,
        type: 'urn:identity-operator:problem:invalid-client',
        title: 'The client cannot be registered',
        ...(fault !== undefined && { detail: fault }),
      });
      return;
    }
    const revision = await repository.put(parsed.data);
    await registry.refresh();
    response.json({ revision } satisfies ClientRegistryRevision);
  });

  routes.delete('/:clientId', async (request, response) => {
    const parsed = clientIdSchema.safeParse(request.params['clientId']);
    if (!parsed.success) {
      sendProblem(response, {
        status: 400,
        type: 'urn:identity-operator:problem:invalid-client',
        title: 'No client can have this name',
      });
      return;
    }
    const clientId = parsed.data;
    const revision = await repository.remove(clientId);
    await registry.refresh();
    // Last: whoever is told to repeat this finds the client gone, and its tokens are revoked then.
    await store.revoke({ by: 'client', clientId });
    response.json({ revision } satisfies ClientRegistryRevision);
  });
  return routes;
};
