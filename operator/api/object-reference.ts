import { z } from 'zod';
import { subdomainPattern } from './qualified-name.ts';

/** Name of an object in the namespace of the tenant (RFC 1123 subdomain, as Kubernetes names Secrets and ConfigMaps). */
export const objectName = z.string().min(1).max(253).regex(subdomainPattern);

export const secretReference = z.object({
  name: objectName.describe('Name of a Secret in the namespace of the tenant.'),
});

const keyOf = (what: string) =>
  z
    .string()
    .min(1)
    .max(253)
    .regex(/^[-._a-zA-Z0-9]+$/)
    .default('ca.crt')
    .describe(`Key in the ${what}.`);

export const secretKeyReference = z.object({
  name: objectName.describe('Name of a Secret in the namespace of the tenant.'),
  key: keyOf('Secret'),
});
export const configMapKeyReference = z.object({
  name: objectName.describe('Name of a ConfigMap in the namespace of the tenant.'),
  key: keyOf('ConfigMap'),
});
