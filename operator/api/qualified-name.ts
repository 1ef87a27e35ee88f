import { z } from 'zod';
import { type CelRule, celRules } from './cel-rules.ts';

/** DNS-1123 subdomain (RFC 1123), as Kubernetes names most objects. */
const subdomain = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';
export const subdomainPattern = new RegExp(`^${subdomain}$`);

/** Key of a label, annotation or taint: an optional subdomain as prefix, and a name of at most 63 characters. */
const qualifiedName = `^(${subdomain}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`;
export const qualifiedNameSchema = z.string().min(1).max(253).regex(new RegExp(qualifiedName));

export const labelValueSchema = z
  .string()
  .max(63)
  .regex(/^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$/);

/** An image, as a pod names it. */
export const imageSchema = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/);

/**
 * Rules for the keys of a map: no structural schema can say anything of keys, and what is wrong with one would only be
 * seen in an object that is refused later.
 */
const keyRules = (field: string): CelRule[] => [
  {
    rule: `self.all(key, size(key) <= 253 && key.matches('${qualifiedName.replaceAll('\\', '\\\\')}'))`,
    message: `${field}: a key is a name of at most 63 letters, digits, -, _ and ., after an optional DNS prefix such as example.com/`,
  },
];

/** Labels by which something is selected. */
export const labelsSchema = (field: string) =>
  z.record(z.string().max(253), labelValueSchema).meta({ maxProperties: 64, ...celRules(...keyRules(field)) });

const reservedPrefix = 'identity-operator.io/';
const reservedRule = (field: string): CelRule => ({
  rule: `self.all(key, !key.startsWith('${reservedPrefix}'))`,
  message: `${field}: keys that begin with ${reservedPrefix} are the operator's; use another prefix`,
});

export const namespaceNameSchema = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);

/**
 * Annotations for an object of ours. Together they stay below the 256 KiB that Kubernetes allows, with room for what
 * others add.
 */
export const annotationsSchema = (field: string) =>
  z
    .record(z.string().max(253), z.string().max(2_048))
    .meta({ maxProperties: 64, ...celRules(...keyRules(field), reservedRule(field)) });
