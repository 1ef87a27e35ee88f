import type { ObservedReference } from '../observed.ts';
import type { TenantVerdict } from '../status/tenant-verdicts.ts';

/** So many routes are named; of the others there is a number. */
const maxNamed = 3;

/**
 * Whether the Service of every route is there. It never touches Ready: the other routes are served, and a service that
 * is rolled out after the tenant is an ordinary thing.
 */
export const decideRoutesResolved = (references: readonly ObservedReference[]): TenantVerdict => {
  const type = 'RoutesResolved';
  const services = references.filter(({ kind }) => kind === 'Service');
  const missing = services.filter(({ found }) => found === undefined);
  if (missing.length === 0) {
    const message = services.length === 0 ? 'there are no routes' : 'the Service of every route is there';
    return { type, status: 'True', reason: 'Resolved', message };
  }
  const named = missing.slice(0, maxNamed).map(({ field, name }) => `Service "${name}" of ${field}`);
  const others = missing.length > maxNamed ? ` and ${missing.length - maxNamed} more` : '';
  const message = `not there: ${named.join(', ')}${others}; create it, or correct the route; the other routes are served`;
  return { type, status: 'False', reason: 'ServiceNotFound', message };
};
