import type { RequestHandler } from 'express';
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';

/** Metrics of one process. */
export type Metrics = {
  registry: Registry;
  /**
   * Times every request. `routeName` is asked when the answer ends and must return one of a bounded set of names, never
   * a raw path.
   */
  requestDurations(routeName: (...parts: Parameters<RequestHandler>) => string): RequestHandler;
};

/** A registry of its own with Node's default metrics and `http_request_duration_seconds`. */
export const createMetrics = (service: string): Metrics => {
  const registry = new Registry();
  // Not `service`: Prometheus puts the Kubernetes Service there.
  registry.setDefaultLabels({ component: service });
  collectDefaultMetrics({ register: registry });
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the first byte of a request to the end of its answer.',
    labelNames: ['route', 'method', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  });
  // Anyone may send any method: an unbounded label otherwise.
  const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
  return {
    registry,
    requestDurations: (routeName) => (request, response, next) => {
      const observe = durations.startTimer();
      response.once('close', () => {
        observe({
          route: routeName(request, response, next),
          method: knownMethods.has(request.method) ? request.method : 'other',
          // The client left before it got an answer (nginx's 499).
          status: response.headersSent ? String(response.statusCode) : '499',
        });
      });
      next();
    },
  };
};
