import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import type { InternalState } from '../shared/contracts/internal-state.ts';
import { databaseProblemHandler } from '../shared/database-problem.ts';
import type { Metrics } from '../shared/metrics.ts';
import { allowRoles } from '../shared/mutual-tls.ts';
import { problemHandler, sendProblem } from '../shared/problem-details.ts';
import { type TokenStoreClient, TokenStoreUnavailable } from '../token-store/client/token-store-client.ts';
import type { AccountAdministration } from './admin/account-administration.ts';
import { createAdminRoutes } from './admin/admin-routes.ts';
import type { ClientRegistry } from './clients/client-registry.ts';
import type { ClientRepository } from './clients/client-repository.ts';
import { createClientRoutes } from './clients/client-routes.ts';
import type { Protocol } from './protocol.ts';
import { issuerPath, paths, pinIssuer } from './provider/issuer.ts';
import { retryAfterSeconds } from './provider/provider-answers.ts';
import type { AuthSettings } from './settings.ts';

export type AppOptions = {
  settings: Pick<AuthSettings, 'issuer' | 'clientCertificatesOrigin'>;
  /** The protocol as it is now; undefined until keys could be read. */
  protocol: () => Protocol | undefined;
  assets: RequestHandler;
  registry: ClientRegistry;
  clients: ClientRepository;
  administration: AccountAdministration;
  store: Pick<TokenStoreClient, 'revoke'>;
  state: () => Promise<InternalState>;
  metrics: Metrics;
  logger: Logger;
};

/** What any page may do is in its own Content-Security-Policy; a popup must be able to find back to its opener. */
const securityHeaders = helmet({
  contentSecurityPolicy: false,
  crossOriginOpenerPolicy: false,
  crossOriginResourcePolicy: { policy: 'same-origin' },
  referrerPolicy: { policy: 'same-origin' },
  // Other hosts below the issuer's are not ours to decide for.
  strictTransportSecurity: { maxAge: 31_536_000, includeSubDomains: false },
  xFrameOptions: { action: 'deny' },
});

/** A bounded set: the second part of a path at most, and only those that are ours. */
const routeName = (issuer: string): ((request: { path: string; baseUrl: string }) => string) => {
  const base = issuerPath(issuer);
  const known = [
    ...Object.values(paths),
    '/internal/state',
    '/internal/clients',
    '/internal/accounts',
    '/internal/audit-events',
    '/.well-known',
  ];
  return ({ path, baseUrl }) => {
    const whole = `${baseUrl}${path}`;
    const local = whole.startsWith(base) ? whole.slice(base.length) : whole;
    return known.find((name) => local === name || local.startsWith(`${name}/`)) ?? 'other';
  };
};

const sendNotReady = (response: Parameters<RequestHandler>[1]): void => {
  response.set('Retry-After', String(retryAfterSeconds));
  sendProblem(response, {
    status: 503,
    type: 'urn:identity-operator:problem:not-ready',
    title: 'The service is not ready yet',
  });
};

/** A path that cannot be decoded is the sender's mistake; express says so by this error. */
const malformedPathHandler: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (!(error instanceof URIError)) {
    next(error);
    return;
  }
  sendProblem(response, {
    status: 400,
    type: 'urn:identity-operator:problem:malformed-target',
    title: 'The request target cannot be decoded',
  });
};

/** A token-store that cannot answer for now: 503, and when to come again. */
const tokenStoreProblemHandler =
  (logger: Logger): ErrorRequestHandler =>
  (error: unknown, _request, response, next) => {
    if (!(error instanceof TokenStoreUnavailable)) {
      next(error);
      return;
    }
    logger.warn({ err: error }, 'token store unavailable');
    response.set('Retry-After', String(retryAfterSeconds));
    sendProblem(response, {
      status: 503,
      type: 'urn:identity-operator:problem:token-store-unavailable',
      title: 'The token-store cannot answer for now',
    });
  };

const createInternalRoutes = ({
  protocol,
  registry,
  clients,
  administration,
  store,
  state,
}: AppOptions): RequestHandler => {
  const routes = express.Router();
  routes.use(allowRoles('operator'));
  routes.get('/state', async (_request, response) => {
    response.json(await state());
  });
  const requireProtocol: RequestHandler = (_request, response, next) => {
    if (protocol() === undefined) sendNotReady(response);
    else next();
  };
  const findFault: Protocol['findFault'] = async (registration) => protocol()?.findFault(registration);
  routes.use('/clients', requireProtocol, createClientRoutes({ registry, repository: clients, store, findFault }));
  routes.use(createAdminRoutes(administration));
  return routes;
};

/** `/internal/*` for the operator, everything else for the gateway, which is where people and applications come from. */
export const createAuthApp = (options: AppOptions): Express => {
  const { settings, protocol, assets, metrics, logger } = options;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');

  app.use(metrics.requestDurations(routeName(settings.issuer)));
  app.use('/internal', createInternalRoutes(options));
  app.use(allowRoles('gateway'), pinIssuer(settings.issuer, settings.clientCertificatesOrigin), securityHeaders);
  const base = issuerPath(settings.issuer) || '/';
  app.use(base, express.Router().use(paths.assets, assets));
  app.use(base, (request, response, next) => {
    const current = protocol();
    if (current === undefined) sendNotReady(response);
    else current.handle(request, response, next);
  });
  app.use((_request, response) =>
    sendProblem(response, {
      status: 404,
      type: 'urn:identity-operator:problem:not-found',
      title: 'There is nothing at this address',
    }),
  );
  app.use(malformedPathHandler);
  app.use(tokenStoreProblemHandler(logger));
  app.use(databaseProblemHandler(logger, retryAfterSeconds));
  app.use(problemHandler(logger));
  return app;
};
