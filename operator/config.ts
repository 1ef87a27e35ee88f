import { hostname } from 'node:os';
import { z } from 'zod';

/** A variable that holds JSON. */
const json = <Output>(schema: z.ZodType<Output>) =>
  z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue({ code: 'custom', message: 'is no JSON' });
        return z.NEVER;
      }
    })
    .pipe(schema);

const names = z.array(z.string().min(1));

const configSchema = z.object({
  /** Where the Lease lives: the operator's own namespace. */
  POD_NAMESPACE: z.string().min(1).default('identity-operator'),
  /** Names this process among the candidates of the Lease. */
  POD_NAME: z.string().min(1).default(hostname()),
  /** Namespaces whose tenants are looked after, with commas in between; unset or empty: all of the cluster. */
  WATCH_NAMESPACES: z
    .string()
    .default('')
    .transform((text) => [
      ...new Set(
        text
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== ''),
      ),
    ])
    .pipe(
      z.array(
        z
          .string()
          .max(63)
          .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'is no name of a namespace'),
      ),
    )
    .transform((names) => (names.length === 0 ? undefined : names)),
  /** Image of the services: the operator's own, since one image holds all of them. */
  SERVICES_IMAGE: z.string().min(1),
  SERVICES_VERSION: z.string().min(1),
  DATABASE_IMAGE: z.string().min(1).default('postgres:18'),
  /** What tenants may name, see `TenantLimits`. */
  ALLOWED_REGISTRIES: json(names).default([]),
  ALLOWED_PRIORITY_CLASSES: json(names).default([]),
  ALLOWED_ISSUERS: json(z.record(z.string(), names)).default({}),
  /** Labels of the namespaces that may read tenants' metrics; none: any namespace. */
  MONITORING_NAMESPACE_LABELS: json(z.record(z.string(), z.string())).default({}),
  /** How many tenants may follow the operator to its version at once. */
  MAX_ROLLING_TENANTS: z.coerce.number().int().min(1).max(1_000).default(5),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  /** `/livez`, `/readyz`, `/metrics`. */
  PROBE_PORT: z.coerce.number().int().min(0).max(65_535).default(9090),
});
export type Config = z.output<typeof configSchema>;

/** @throws Error that names the variables that are wrong, without their values. */
export const parseConfig = (environment: Readonly<Record<string, string | undefined>>): Config => {
  const parsed = configSchema.safeParse(environment);
  if (parsed.success) return parsed.data;
  throw new Error(
    `environment: ${parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`,
  );
};
