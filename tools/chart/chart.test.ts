import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { ensureHelm, runHelm } from '../machine/helm.ts';
import { type ChartObject, chartDirectory, parseRendering, renderChart } from './chart.ts';

const testdata = (name: string) => path.join(import.meta.dirname, 'testdata', name);
const valuesSchema = z.record(z.string(), z.unknown());
const readYaml = async (file: string) => valuesSchema.parse(parse(await readFile(file, 'utf8')));
const readValues = (name: string) => readYaml(testdata(`${name}.in.yaml`));
const read = async (values: Record<string, unknown>) => parseRendering(await renderChart(values));

const rulesSchema = z.array(
  z.object({
    apiGroups: z.array(z.string()).default(['']),
    resources: z.array(z.string()).default([]),
    nonResourceURLs: z.array(z.string()).default([]),
    resourceNames: z.array(z.string()).optional(),
    verbs: z.array(z.string()),
  }),
);
const rulesOf = (objects: readonly ChartObject[]) => objects.flatMap(({ rules }) => rulesSchema.parse(rules ?? []));
const only = (objects: readonly ChartObject[], kind: string): ChartObject => {
  const [found, ...others] = objects.filter((object) => object.kind === kind);
  if (found === undefined || others.length > 0) throw new Error(`${others.length + 1} or no ${kind}`);
  return found;
};

// On a machine that has none yet, Helm is compiled.
beforeAll(() => ensureHelm(process.env), 600_000);

describe('what is rendered', () => {
  // What a user writes beside what comes of it; with no values at all it is install/operator.yaml.
  test.each(['namespaced', 'everything'])('%s', async (name) => {
    await expect(await renderChart(await readValues(name))).toMatchFileSnapshot(testdata(`${name}.out.yaml`));
  });

  test('the definitions of crds/, kept when the release goes, or none', async () => {
    const definitions = (await read({})).filter(({ kind }) => kind === 'CustomResourceDefinition');
    const files = await readdir('crds');
    expect(definitions).toHaveLength(files.length);
    for (const { metadata, ...definition } of definitions) {
      const { metadata: original, ...plain } = await readYaml(`crds/${metadata.name}.yaml`);
      expect(definition).toEqual(plain);
      expect(metadata).toEqual({
        ...z.object({}).loose().parse(original),
        annotations: { 'helm.sh/resource-policy': 'keep' },
      });
    }
    const without = await read({ crds: { install: false } });
    expect(without.filter(({ kind }) => kind === 'CustomResourceDefinition')).toEqual([]);
  });

  test.each(['namespaced', 'everything'])('%s: no hooks, since those run beside what Helm keeps', async (name) => {
    expect(await renderChart(await readValues(name))).not.toContain('helm.sh/hook');
  });

  test('no disruption budget for one replica, which it would keep from being drained', async () => {
    const kinds = (await read({ replicas: 1 })).map(({ kind }) => kind);
    expect(kinds).not.toContain('PodDisruptionBudget');
    expect((await read({})).map(({ kind }) => kind)).toContain('PodDisruptionBudget');
  });

  test.each([
    ['identity-operator:0.1.0', {}],
    ['registry.example.com/identity:1', { repository: 'registry.example.com/identity', tag: '1' }],
    [`a/b@sha256:${'0'.repeat(64)}`, { repository: 'a/b', tag: '1', digest: `sha256:${'0'.repeat(64)}` }],
  ])('operator and services run %s', async (reference, image) => {
    const deployment = JSON.stringify(only(await read({ image }), 'Deployment'));
    expect(deployment).toContain(`"image":"${reference}"`);
    expect(deployment).toContain(`{"name":"SERVICES_IMAGE","value":"${reference}"}`);
  });
});

describe('rights', () => {
  const everywhere = (rules: ReturnType<typeof rulesOf>) =>
    rules.flatMap(({ apiGroups, resources, nonResourceURLs, verbs }) =>
      apiGroups.flatMap((group) =>
        [...resources, ...nonResourceURLs].flatMap((resource) => verbs.map((verb) => `${verb} ${resource}.${group}`)),
      ),
    );

  test.each([{}, { watchNamespaces: ['shop'] }])(
    'no wildcard, and nothing that gives more than one has: %j',
    async (values) => {
      for (const { apiGroups, resources, nonResourceURLs, verbs } of rulesOf(await read(values))) {
        expect([...apiGroups, ...resources, ...nonResourceURLs, ...verbs]).not.toContain('*');
        for (const verb of ['escalate', 'bind', 'impersonate']) expect(verbs).not.toContain(verb);
        for (const group of apiGroups) expect(group).not.toBe('rbac.authorization.k8s.io');
      }
    },
  );

  test('with namespaces, what was allowed everywhere is allowed in those, and outside only reading what has no namespace', async () => {
    const cluster = everywhere(rulesOf((await read({})).filter(({ kind }) => kind === 'ClusterRole')));
    const narrow = await read({ watchNamespaces: ['shop', 'bank'] });
    const reads = everywhere(rulesOf(narrow.filter(({ kind }) => kind === 'ClusterRole')));
    expect(reads.toSorted()).toEqual([
      'get /.well-known/openid-configuration.',
      'get /openid/v1/jwks.',
      'list customresourcedefinitions.apiextensions.k8s.io',
      'list nodes.',
      'watch customresourcedefinitions.apiextensions.k8s.io',
      'watch nodes.',
    ]);
    for (const namespace of ['shop', 'bank']) {
      const role = narrow.filter(({ kind, metadata }) => kind === 'Role' && metadata.namespace === namespace);
      expect([...everywhere(rulesOf(role)), ...reads].sort()).toEqual(cluster.toSorted());
    }
  });
});

describe('another version', () => {
  const renderVersion = async (version: string): Promise<readonly ChartObject[]> => {
    const folder = await mkdtemp(path.join(tmpdir(), 'chart-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await cp(chartDirectory, folder, { recursive: true });
    const file = path.join(folder, 'Chart.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replaceAll('0.1.0', version));
    return parseRendering(await renderChart({}, folder));
  };

  test('changes the Deployment of the operator and nothing else', async () => {
    const [before, after] = [await read({}), await renderVersion('0.2.0')];
    const changed = after.filter((object, index) => JSON.stringify(object) !== JSON.stringify(before[index]));
    expect(changed.map(({ kind }) => kind)).toEqual(['Deployment']);
    expect(JSON.stringify(changed)).toContain('{"name":"SERVICES_VERSION","value":"0.2.0"}');
  });

  test('of package and chart is one', async () => {
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(await readFile('package.json', 'utf8')));
    expect(await readYaml(path.join(chartDirectory, 'Chart.yaml'))).toMatchObject({ version, appVersion: version });
  });
});

describe('values', () => {
  test.each([
    [{ replicas: 0 }, "at '/replicas': minimum: got 0, want 1"],
    [{ replicas: 'two' }, "at '/replicas': got string, want integer"],
    [{ replicaCount: 3 }, "additional properties 'replicaCount' not allowed"],
    [{ logLevel: 'trace' }, "at '/logLevel': value must be one of 'debug', 'info', 'warn', 'error'"],
    [{ watchNamespaces: ['Shop'] }, "at '/watchNamespaces/0': 'Shop' does not match pattern"],
    [{ watchNamespaces: ['shop', 'shop'] }, "at '/watchNamespaces': items at 0 and 1 are equal"],
    [{ maxRollingTenants: 0 }, "at '/maxRollingTenants': minimum: got 0, want 1"],
    [{ networkPolicy: { apiServerPorts: [] } }, "at '/networkPolicy/apiServerPorts': minItems: got 0, want 1"],
    [{ podLabels: { 'app.kubernetes.io/name': 'mine' } }, "at '/podLabels': 'not' failed"],
    [{ resources: { requests: { cpu: -1 } } }, "at '/resources/requests/cpu': minimum: got -1, want 0"],
    [{ resources: { requests: { cpu: '-50m' } } }, "at '/resources/requests/cpu': '-50m' does not match pattern"],
    [{ resources: { limits: { memory: '384 Mi' } } }, "at '/resources/limits/memory': '384 Mi' does not match pattern"],
    [{ image: { tag: 'a:b' } }, "at '/image/tag': 'a:b' does not match pattern"],
    [
      { image: { repository: 'registry.example.com/identity:1' } },
      'image.repository: "registry.example.com/identity:1" has a tag, a digest or a scheme; write registry/name here',
    ],
    [
      { allowedRegistries: ['https://registry.example.com'] },
      'allowedRegistries: "https://registry.example.com" is no registry or repository such as registry.example.com/identity',
    ],
    [
      { allowedIssuers: { shop: ['http://id.shop.example'] } },
      'allowedIssuers.shop: "http://id.shop.example" is no pattern of an issuer such as https://*.example.com',
    ],
    [{ allowedIssuers: { Shop: [] } }, 'allowedIssuers: "Shop" is no name of a namespace'],
  ])('%j are refused, and it is said why', async (values, message) => {
    await expect(renderChart(values)).rejects.toThrow(message);
  });

  test('take every way in which Kubernetes writes quantities', async () => {
    const limits = { cpu: 0.5, memory: '1e9', 'ephemeral-storage': '1.5Gi', 'example.com/gpu': 1 };
    const [operator] = await read({ resources: { requests: { cpu: '50m', memory: '128Mi' }, limits } });
    expect(operator).toBeDefined();
  });

  // An optional value without a default would be one that nobody reads about.
  test('all that the schema knows stand in values.yaml', async () => {
    const propertiesSchema = z.object({ properties: z.record(z.string(), z.looseObject({})).default({}) });
    const paths = (schema: unknown, prefix: string): string[] =>
      Object.entries(propertiesSchema.parse(schema).properties).flatMap(([name, property]) => {
        const below = property['type'] === 'object' ? paths(property, `${prefix}${name}.`) : [];
        return below.length > 0 ? below : [`${prefix}${name}`];
      });
    const schema: unknown = JSON.parse(await readFile(path.join(chartDirectory, 'values.schema.json'), 'utf8'));
    const values = await readYaml(path.join(chartDirectory, 'values.yaml'));
    const missing = paths(schema, '').filter((name) => {
      const value = name.split('.').reduce<unknown>((at, key) => valuesSchema.safeParse(at).data?.[key], values);
      return value === undefined;
    });
    expect(missing).toEqual(['global']);
  });

  test.each(['namespaced', 'everything'])('%s passes helm lint', async (name) => {
    const helm = await ensureHelm(process.env);
    const lint = runHelm(helm, ['lint', '--strict', chartDirectory, '--values', testdata(`${name}.in.yaml`)]);
    await expect(lint).resolves.toContain('0 chart(s) failed');
  });
});
