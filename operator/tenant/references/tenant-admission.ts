import type { IdentityTenant } from '../../api/identity-tenant.ts';
import type { TenantVerdict } from '../status/tenant-verdicts.ts';

/** What the operator's administrator lets tenants name; an empty list, or no namespace, limits nothing. */
export type TenantLimits = {
  /** Registries or repositories, such as `registry.example.com/identity`. */
  readonly registries: readonly string[];
  readonly priorityClasses: readonly string[];
  /** Patterns of issuers by namespace, in which `*` stands for any characters but `/`; `*` for those not listed. */
  readonly issuers: Readonly<Record<string, readonly string[]>>;
};

export const noLimits: TenantLimits = { registries: [], priorityClasses: [], issuers: {} };

/** Of `a/b`, whether `a` is a registry rather than a folder of Docker Hub. */
const isRegistry = (name: string): boolean => /[.:]/.test(name) || name === 'localhost';

/** Registry and path of an image in full, as a runtime asks for it: `postgres:18` is `docker.io/library/postgres`. */
export const imageRepository = (image: string): string => {
  const [named = ''] = image.split('@');
  const path = named.replace(/:[^/:]*$/, '');
  const slash = path.indexOf('/');
  if (slash === -1) return `docker.io/library/${path}`;
  return isRegistry(path.slice(0, slash)) ? path : `docker.io/${path}`;
};

const isImageAllowed = (image: string, registries: readonly string[]): boolean => {
  const repository = imageRepository(image);
  return registries.some((allowed) => repository === allowed || repository.startsWith(`${allowed}/`));
};

const matches = (issuer: string, pattern: string): boolean => {
  const literals = pattern.split('*').map((literal) => literal.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literals.join('[^/]*')}$`).test(issuer);
};

const verdict = { type: 'ReferencesResolved', status: 'False' } as const;

const wayOut = (field: string, value: string) => `change ${field}, or ask who runs the operator to add it to ${value}`;

const decideImages = ({ spec }: IdentityTenant, { registries }: TenantLimits): TenantVerdict | undefined => {
  if (registries.length === 0) return undefined;
  const images = { 'spec.image': spec.image, 'spec.database.managed.image': spec.database?.managed?.image };
  for (const [field, image] of Object.entries(images)) {
    if (image === undefined || isImageAllowed(image, registries)) continue;
    const message = `${field} "${image}" is from none of the registries that are allowed here (${registries.join(', ')}); ${wayOut(field, 'allowedRegistries')}`;
    return { ...verdict, reason: 'ImageNotAllowed', message };
  }
  return undefined;
};

const decidePriorityClasses = (
  { spec }: IdentityTenant,
  { priorityClasses }: TenantLimits,
): TenantVerdict | undefined => {
  if (priorityClasses.length === 0) return undefined;
  for (const service of ['gateway', 'auth', 'tokenStore'] as const) {
    const name = spec[service].priorityClassName;
    if (name === undefined || priorityClasses.includes(name)) continue;
    const field = `spec.${service}.priorityClassName`;
    const message = `${field} "${name}" is none of the priority classes that are allowed here (${priorityClasses.join(', ')}); ${wayOut(field, 'allowedPriorityClasses')}`;
    return { ...verdict, reason: 'PriorityClassNotAllowed', message };
  }
  return undefined;
};

const decideIssuerPattern = ({ metadata, spec }: IdentityTenant, { issuers }: TenantLimits) => {
  if (Object.keys(issuers).length === 0) return undefined;
  const patterns = issuers[metadata.namespace] ?? issuers['*'] ?? [];
  if (patterns.some((pattern) => matches(spec.issuer, pattern))) return undefined;
  const allowed = patterns.length === 0 ? 'none is' : `${patterns.join(', ')} ${patterns.length === 1 ? 'is' : 'are'}`;
  const message = `the issuer ${spec.issuer} is not allowed in the namespace "${metadata.namespace}" (${allowed}); make the tenant anew with another issuer or elsewhere, or ask who runs the operator to add it to allowedIssuers`;
  return { ...verdict, reason: 'IssuerNotAllowed', message } satisfies TenantVerdict;
};

/**
 * Why a tenant asks for more than the operator's administrator allows; undefined when it does not. What ran before goes
 * on running, unchanged.
 */
export const decideAdmission = (tenant: IdentityTenant, limits: TenantLimits): TenantVerdict | undefined =>
  decideIssuerPattern(tenant, limits) ?? decideImages(tenant, limits) ?? decidePriorityClasses(tenant, limits);
