import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { parse } from 'yaml';
import { z } from 'zod';
import { waitUntil } from '../../e2e/cluster/wait.ts';
import { ensureGo } from '../../tools/machine/go.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import type { ResourceKind } from '../runtime/resource-kind.ts';

/** A Go module that carries CustomResourceDefinitions, and the sum by which `go.sum` would know this version of it. */
type Source = { readonly module: string; readonly sum: string; readonly folder: string };

const gatewayApi: Source = {
  module: 'sigs.k8s.io/gateway-api@v1.4.1',
  sum: 'h1:NPxFutNkKNa8UfLd2CMlEuhIPMQgDQ6DXNKG9sHbJU8=',
  folder: 'config/crd/standard',
};
const prometheusOperator: Source = {
  module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
  sum: 'h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=',
  folder: 'example/prometheus-operator-crd',
};

/** Kinds of other projects that a cluster may or may not have; each with the file of its definition. */
const definitions = {
  gateways: { source: gatewayApi, file: 'gateway.networking.k8s.io_gateways.yaml' },
  httpRoutes: { source: gatewayApi, file: 'gateway.networking.k8s.io_httproutes.yaml' },
  backendTLSPolicies: { source: gatewayApi, file: 'gateway.networking.k8s.io_backendtlspolicies.yaml' },
  serviceMonitors: { source: prometheusOperator, file: 'monitoring.coreos.com_servicemonitors.yaml' },
} as const;
export type ForeignDefinition = keyof typeof definitions;
export const foreignDefinitions: readonly ForeignDefinition[] = [
  'gateways',
  'httpRoutes',
  'backendTLSPolicies',
  'serviceMonitors',
];

const downloadSchema = z.object({ Dir: z.string(), Sum: z.string() });

/** The folder of a module in Go's own cache, downloaded when it is not there yet. */
const ensureModule = async ({ module, sum }: Source): Promise<string> => {
  const { command } = await ensureGo(process.env);
  // Outside of any module: inside of one Go would write to its go.sum.
  const { stdout } = await execa(command, ['mod', 'download', '-json', module], {
    cwd: tmpdir(),
    env: { GOFLAGS: '', GOTOOLCHAIN: 'local', GOROOT: undefined },
  });
  const { Dir: directory, Sum } = downloadSchema.parse(JSON.parse(stdout));
  if (Sum !== sum) throw new Error(`${module} has the sum ${Sum}, not ${sum}`);
  return directory;
};

// The parse boundary: of a definition only what names its kind is read; it is sent whole.
const definitionSchema = z.looseObject({
  apiVersion: z.literal('apiextensions.k8s.io/v1'),
  kind: z.literal('CustomResourceDefinition'),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    group: z.string(),
    scope: z.enum(['Namespaced', 'Cluster']),
    names: z.looseObject({ kind: z.string(), plural: z.string() }),
    versions: z.array(z.looseObject({ name: z.string(), storage: z.boolean() })),
  }),
});

const readDefinition = async (name: ForeignDefinition) => {
  const { source, file } = definitions[name];
  const text = await readFile(path.join(await ensureModule(source), source.folder, file), 'utf8');
  return definitionSchema.parse(parse(text));
};

const resourceOf = ({ spec }: z.output<typeof definitionSchema>): ResourceKind => ({
  apiVersion: `${spec.group}/${spec.versions.find(({ storage }) => storage)?.name}`,
  kind: spec.names.kind,
  plural: spec.names.plural,
  namespaced: spec.scope === 'Namespaced',
});

/**
 * Installs the real definitions of kinds of other projects, as their users would, and waits until the API server serves
 * them. They come out of Go modules, pinned by version and sum: a first run downloads 10 MB.
 */
export const installForeignDefinitions = async (
  client: KubernetesClient,
  ...names: readonly ForeignDefinition[]
): Promise<void> => {
  for (const name of names) {
    const definition = await readDefinition(name);
    await client.applyServerSide(definition);
    const resource = resourceOf(definition);
    await waitUntil(`${resource.plural} to be served`, 20_000, () => client.isServed(resource));
    // Discovery may run ahead of the handler by a moment.
    await waitUntil(`${resource.plural} to be listed`, 20_000, async () => {
      await client.list(resource);
      return true;
    });
  }
};
