import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import type { IdentityTenant } from '../api/identity-tenant.ts';
import type { OptionalKind } from '../manifests/blueprint.ts';
import { buildTenantObjects, type TenantObjects } from '../manifests/tenant-objects.ts';
import { buildTestBlueprint, buildTestDatabaseSources } from './tenants.ts';

const testdata = path.join(import.meta.dirname, '../manifests/testdata');
const ending = '.in.yaml';

type Spec = Readonly<Record<string, unknown>>;

/** Specs as users write them, by name; what comes of each stands beside it in `operator/manifests/testdata`. */
export const goldenSpecs: ReadonlyMap<string, Spec> = new Map(
  readdirSync(testdata)
    .filter((file) => file.endsWith(ending))
    .sort()
    .map((file): [string, Spec] => [
      file.slice(0, -ending.length),
      parse(readFileSync(path.join(testdata, file), 'utf8')),
    ]),
);

/** Tenants of a cluster that has nothing but Kubernetes. */
const plain: ReadonlySet<string> = new Set(['minimal', 'single']);
const optionalKinds: readonly OptionalKind[] = ['ServiceMonitor', 'HTTPRoute', 'BackendTLSPolicy'];

/** Kinds of other projects that the cluster of a golden tenant serves. */
export const servedFor = (name: string): readonly OptionalKind[] => (plain.has(name) ? [] : optionalKinds);

/** The objects of a tenant whose references are all there. */
export const buildGoldenObjects = (tenant: IdentityTenant, served: readonly OptionalKind[]): TenantObjects =>
  buildTenantObjects(buildTestBlueprint(tenant, served), buildTestDatabaseSources(tenant));
