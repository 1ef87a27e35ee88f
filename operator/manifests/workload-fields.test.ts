import { describe, expect, it } from 'vitest';
import { buildTenant, buildTestBlueprint, buildTestDatabaseSources } from '../testing/tenants.ts';
import type { Blueprint } from './blueprint.ts';
import { buildTenantObjects, listTenantObjects } from './tenant-objects.ts';

type Spec = Readonly<Record<string, unknown>>;

const build = (spec: Spec, more: Partial<Blueprint> = {}) =>
  listTenantObjects(
    buildTenantObjects(
      { ...buildTestBlueprint(buildTenant(spec)), ...more },
      buildTestDatabaseSources(buildTenant(spec)),
    ),
  );

/** What stands at `path`, such as `spec.template.spec.containers[0].image`, in the object `Kind name` of a tenant. */
const read = (objects: ReturnType<typeof build>, kindAndName: string, path: string): unknown => {
  const object: unknown = objects.find(({ kind, metadata }) =>
    `${kind} ${metadata?.name}`.startsWith(kindAndName.replace('*', '')),
  );
  return path
    .split(/[.[\]]+/)
    .filter((part) => part !== '')
    .reduce<unknown>(
      (value, part) => (typeof value === 'object' && value !== null ? Reflect.get(value, part) : undefined),
      object,
    );
};

const pod = 'spec.template.spec';
const lost = (key: string) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 20 });
const notReady = lost('node.kubernetes.io/not-ready');
const unreachable = lost('node.kubernetes.io/unreachable');
const dedicated = { key: 'dedicated', operator: 'Equal', value: 'identity', effect: 'NoSchedule' };
const nodeAffinity = {
  requiredDuringSchedulingIgnoredDuringExecution: {
    nodeSelectorTerms: [{ matchExpressions: [{ key: 'arch', operator: 'In', values: ['amd64'] }] }],
  },
};
const zoneKeys = (objects: ReturnType<typeof build>) =>
  (read(objects, 'Deployment acme-auth', `${pod}.topologySpreadConstraints`) as { topologyKey: string }[]).map(
    ({ topologyKey }) => topologyKey,
  );
const autoscaled = { autoscaling: { minReplicas: 4, maxReplicas: 9, targetCPUUtilizationPercentage: 55 } };

/** What a user writes, the object that it reaches, where in it, and what stands there then. */
const reached: readonly [string, Spec, string, string, unknown][] = [
  [
    'resources',
    { auth: { resources: { requests: { cpu: '0.5', memory: '1024Mi' }, limits: { memory: '2Gi' } } } },
    'Deployment acme-auth',
    `${pod}.containers[0].resources`,
    { requests: { cpu: '500m', memory: '1Gi' }, limits: { memory: '2Gi' } },
  ],
  [
    'nodeSelector',
    { gateway: { nodeSelector: { a: 'b' } } },
    'Deployment acme-gateway',
    `${pod}.nodeSelector`,
    { a: 'b' },
  ],
  [
    'tolerations, beside those of a lost node',
    { tokenStore: { tolerations: [dedicated] } },
    'Deployment acme-token-store',
    `${pod}.tolerations`,
    [dedicated, notReady, unreachable],
  ],
  [
    'a toleration of the same key and effect, instead of ours',
    { auth: { tolerations: [{ ...notReady, tolerationSeconds: 5 }] } },
    'Deployment acme-auth',
    `${pod}.tolerations`,
    [{ ...notReady, tolerationSeconds: 5 }, unreachable],
  ],
  [
    'a toleration of the same key and every effect, instead of ours',
    { auth: { tolerations: [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists' }] } },
    'Deployment acme-auth',
    `${pod}.tolerations`,
    [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists' }, notReady],
  ],
  [
    'a toleration of every taint, beside ours: the shorter time counts',
    { auth: { tolerations: [{ operator: 'Exists' }] } },
    'Deployment acme-auth',
    `${pod}.tolerations`,
    [{ operator: 'Exists' }, notReady, unreachable],
  ],
  ['affinity', { auth: { affinity: { nodeAffinity } } }, 'Deployment acme-auth', `${pod}.affinity`, { nodeAffinity }],
  [
    'priorityClassName',
    { auth: { priorityClassName: 'high' } },
    'Deployment acme-auth',
    `${pod}.priorityClassName`,
    'high',
  ],
  [
    'podAnnotations',
    { auth: { podAnnotations: { 'example.com/a': 'b' } } },
    'Deployment acme-auth',
    'spec.template.metadata.annotations',
    { 'example.com/a': 'b' },
  ],
  [
    'image, of the services',
    { version: '0.1.0', image: 'example.com/identity:1' },
    'Deployment acme-gateway',
    `${pod}.containers[0].image`,
    'example.com/identity:1',
  ],
  [
    'image, of migrate',
    { version: '0.1.0', image: 'example.com/identity:1' },
    'Job acme-migrate-*',
    `${pod}.containers[0].image`,
    'example.com/identity:1',
  ],
  [
    'version',
    { version: '0.1.7' },
    'Deployment acme-auth',
    'spec.template.metadata.labels',
    expect.objectContaining({ 'app.kubernetes.io/version': '0.1.7' }),
  ],
  ...(['Deployment acme-auth', 'Job acme-migrate-*', 'StatefulSet acme-database'] as const).map(
    (object): [string, Spec, string, string, unknown] => [
      `imagePullSecrets, of ${object}`,
      { imagePullSecrets: [{ name: 'registry' }] },
      object,
      `${pod}.imagePullSecrets`,
      [{ name: 'registry' }],
    ],
  ),
  [
    'logLevel',
    { tokenStore: { logLevel: 'warn' } },
    'ConfigMap acme-token-store-live',
    'data',
    { 'live.json': expect.stringContaining('"logLevel":"warn"') },
  ],
  ...(
    [
      ['nodeSelector', { a: 'b' }],
      ['priorityClassName', 'high'],
      ['tolerations', [dedicated, notReady, unreachable]],
    ] as const
  ).map(([field, value]): [string, Spec, string, string, unknown] => [
    `${field} of token-store, for migrate too`,
    { tokenStore: { nodeSelector: { a: 'b' }, priorityClassName: 'high', tolerations: [dedicated] } },
    'Job acme-migrate-*',
    `${pod}.${field}`,
    value,
  ]),
  [
    'affinity of token-store, which migrate must not wait for',
    { tokenStore: { affinity: { nodeAffinity } } },
    'Job acme-migrate-*',
    `${pod}.affinity`,
    undefined,
  ],
  [
    'autoscaling, its bounds',
    { gateway: autoscaled },
    'HorizontalPodAutoscaler acme-gateway',
    'spec',
    expect.objectContaining({
      minReplicas: 4,
      maxReplicas: 9,
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'acme-gateway' },
    }),
  ],
  [
    'autoscaling, its target',
    { gateway: autoscaled },
    'HorizontalPodAutoscaler acme-gateway',
    'spec.metrics[0].containerResource',
    { name: 'cpu', container: 'gateway', target: { type: 'Utilization', averageUtilization: 55 } },
  ],
  [
    'autoscaling, three pods and 70 % unless said',
    { auth: { autoscaling: { maxReplicas: 6 } } },
    'HorizontalPodAutoscaler acme-auth',
    'spec',
    expect.objectContaining({
      minReplicas: 3,
      metrics: [
        expect.objectContaining({
          containerResource: expect.objectContaining({ target: { type: 'Utilization', averageUtilization: 70 } }),
        }),
      ],
    }),
  ],
  [
    'no autoscaling under Single',
    { availability: { mode: 'Single' }, gateway: autoscaled },
    'HorizontalPodAutoscaler acme-gateway',
    'kind',
    undefined,
  ],
  [
    'no budget under Single',
    { availability: { mode: 'Single' } },
    'PodDisruptionBudget acme-gateway',
    'kind',
    undefined,
  ],
  [
    'a budget that lets a drain end, also of one pod',
    { gateway: { replicas: 1 } },
    'PodDisruptionBudget acme-gateway',
    'spec',
    expect.objectContaining({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' }),
  ],
];

describe('a field of the spec', () => {
  it.each(reached)('%s', (_what, spec, object, path, value) => {
    expect(read(build(spec), object, path)).toEqual(value);
  });

  it.each(['gateway', 'auth', 'tokenStore'] as const)('of %s concerns that service alone', (service) => {
    const name = { gateway: 'acme-gateway', auth: 'acme-auth', tokenStore: 'acme-token-store' }[service];
    const own = { nodeSelector: { a: 'b' }, podAnnotations: { a: 'b' }, priorityClassName: 'high', ...autoscaled };
    const before = new Map(build({}).map((object) => [`${object.kind} ${object.metadata?.name}`, object]));
    const changed = build({ [service]: own })
      .filter(
        (object) => JSON.stringify(before.get(`${object.kind} ${object.metadata?.name}`)) !== JSON.stringify(object),
      )
      .map(({ kind, metadata }) => `${kind} ${metadata?.name}`.replace(/-[0-9a-f]{10}$/, ''));
    const migrate = service === 'tokenStore' ? ['Job acme-migrate'] : [];
    expect(changed).toEqual([...migrate, `Deployment ${name}`, `HorizontalPodAutoscaler ${name}`]);
  });
});

describe('availability', () => {
  const topology = (availability: Spec, zonesLabelled = true) => zoneKeys(build({ availability }, { zonesLabelled }));

  it('spreads over zones and hosts', () => {
    expect(topology({})).toEqual(['topology.kubernetes.io/zone', 'kubernetes.io/hostname']);
    expect(topology({ topologyKey: 'example.com/rack' })).toEqual(['example.com/rack', 'kubernetes.io/hostname']);
  });

  it('spreads over hosts alone where they are the zones, or no node names its zone', () => {
    expect(topology({ topologyKey: 'kubernetes.io/hostname' })).toEqual(['kubernetes.io/hostname']);
    expect(topology({}, false)).toEqual(['kubernetes.io/hostname']);
  });

  it.each([
    ['Required', 'DoNotSchedule'],
    ['Preferred', 'ScheduleAnyway'],
  ])('%s: %s', (zoneSpread, whenUnsatisfiable) => {
    const constraint = `${pod}.topologySpreadConstraints[0]`;
    expect(read(build({ availability: { zoneSpread } }), 'Deployment acme-auth', constraint)).toMatchObject({
      whenUnsatisfiable,
      maxSkew: 1,
      nodeTaintsPolicy: 'Honor',
      matchLabelKeys: ['pod-template-hash'],
    });
  });
});

it('a restart that somebody asked for is an annotation of the pods, beside theirs, and of nothing else', () => {
  const objects = build({ auth: { podAnnotations: { a: 'b' } } }, { restart: 'today' });
  const annotations = 'spec.template.metadata.annotations';
  expect(read(objects, 'Deployment acme-auth', annotations)).toEqual({
    a: 'b',
    'identity-operator.io/restart': 'today',
  });
  expect(read(objects, 'Deployment acme-gateway', annotations)).toEqual({ 'identity-operator.io/restart': 'today' });
  expect(read(objects, 'StatefulSet acme-database', annotations)).toEqual({
    'identity-operator.io/certificate-authority': expect.any(String),
  });
  expect(read(objects, 'Job acme-migrate-*', annotations)).toBeUndefined();
});

it.each(['Deployment acme-gateway', 'Deployment acme-auth', 'Deployment acme-token-store', 'Job acme-migrate-*'])(
  '%s asks for a name again after a second, with the search list of the cluster',
  (object) => {
    expect(read(build({}), object, 'spec.template.spec.dnsConfig')).toEqual({
      options: [
        { name: 'timeout', value: '1' },
        { name: 'attempts', value: '5' },
      ],
    });
  },
);
