import { z } from 'zod';
import { listServices, type ServiceAnswer } from '../examples/application/relying-party.ts';
import { tenantStatusSchema } from '../operator/api/tenant-status.ts';

const tenantSchema = z.looseObject({ status: tenantStatusSchema.prefault({}) });

/** What a tenant says of its services, in one line. */
export const formatTenant = (tenant: unknown): string => {
  const { conditions = [], services = {}, zones = '?' } = tenantSchema.parse(tenant).status;
  const ready = conditions.find(({ type }) => type === 'Ready');
  const count = (service: (typeof services)['auth']): string => `${service?.ready ?? 0}/${service?.desired ?? '?'}`;
  const counts = `gateway ${count(services.gateway)}, auth ${count(services.auth)}, token-store ${count(services.tokenStore)}`;
  return `${ready?.status === 'True' ? 'Ready' : (ready?.reason ?? 'Unknown')}: ${counts} in ${zones} zones`;
};

/** The claims of these names as JSON in one line, with dots for those that are left out. */
export const formatClaims = (claims: object, names: readonly string[]): string => {
  const all = Object.entries(claims);
  const shown = all.filter(([name]) => names.includes(name));
  shown.sort(([one], [other]) => names.indexOf(one) - names.indexOf(other));
  const parts = shown.map(([name, value]) => `"${name}": ${JSON.stringify(value)}`);
  return `{ ${[...parts, ...(shown.length < all.length ? ['...'] : [])].join(', ')} }`;
};

/** Who answered, and for whom. @throws when a service found another subject than the one that the token is of */
export const formatServices = (answer: ServiceAnswer, subject: string): string => {
  const services = listServices(answer);
  const astray = services.find((service) => service.subject !== subject);
  if (astray !== undefined) {
    throw new Error(`service ${astray.service} found the subject ${astray.subject ?? 'nobody'} instead of ${subject}`);
  }
  const names = services.map(({ service }) => service.toUpperCase()).join(' -> ');
  return `GET /a -> ${names}, each verified subject ${subject} itself`;
};
