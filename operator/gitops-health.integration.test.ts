import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Condition, nextConditions, type TenantReason } from './api/conditions.ts';
import { apiVersion } from './api/group.ts';
import { asPaused, asWaitingForTurn, summarize, type TenantVerdict } from './tenant/status/tenant-verdicts.ts';
import { type GitopsVerdict, judgeObjects } from './testing/gitops-verdicts.ts';

const generation = 3;
const now = new Date('2026-01-01T00:00:00Z');

const tenant = (
  conditions: readonly Condition[] | undefined,
  more: { observedGeneration?: number; metadata?: object } = {},
) => ({
  apiVersion,
  kind: 'IdentityTenant',
  metadata: { name: 'acme', namespace: 'shop', uid: 'u', generation, ...more.metadata },
  spec: { issuer: 'https://id.example.com' },
  ...(conditions === undefined
    ? {}
    : { status: { observedGeneration: more.observedGeneration ?? generation, conditions } }),
});

/** The conditions of a tenant that waits for one thing, or for nothing. */
const waitingFor = (reason: TenantReason | undefined, unresolvedFor = 3_600_000): TenantVerdict[] =>
  summarize(
    reason === undefined
      ? []
      : [{ type: 'DatabaseReady', status: 'False', reason, message: `${reason} of a database` }],
    unresolvedFor,
  );

const written = (verdicts: readonly TenantVerdict[]): Condition[] => nextConditions([], verdicts, generation, now);

/** Every reason that there is, out of the union in conditions.ts. */
const readReasons = async (): Promise<TenantReason[]> => {
  const source = await readFile(new URL('./api/conditions.ts', import.meta.url), 'utf8');
  const union = /export type TenantReason =([^;]+);/.exec(source)?.[1] ?? '';
  // The parse boundary of this file: the members of that very type.
  return [...union.matchAll(/'(\w+)'/g)].map(([, reason]) => reason as TenantReason);
};

describe('delivery tools', () => {
  let judged: ReadonlyMap<string, GitopsVerdict>;
  let stalledOf: ReadonlyMap<string, boolean>;

  const cases: [string, object, Pick<GitopsVerdict, 'kstatus' | 'argoCD'>][] = [
    ['a tenant that works', tenant(written(waitingFor(undefined))), { kstatus: 'Current', argoCD: 'Healthy' }],
    [
      'a tenant whose last change was not seen yet',
      tenant(written(waitingFor(undefined)), { observedGeneration: generation - 1 }),
      { kstatus: 'InProgress', argoCD: 'Progressing' },
    ],
    [
      'a tenant that works, and whose last change waits for its turn',
      tenant(written(asWaitingForTurn(waitingFor(undefined), 'it waits'))),
      { kstatus: 'InProgress', argoCD: 'Progressing' },
    ],
    [
      'a tenant that is being deleted',
      tenant(written(waitingFor(undefined)), { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }),
      { kstatus: 'Terminating', argoCD: 'Progressing' },
    ],
    [
      'a tenant that works and is paused',
      tenant(written(asPaused(waitingFor(undefined), false))),
      { kstatus: 'Current', argoCD: 'Suspended' },
    ],
    [
      'a paused tenant with changes that wait',
      tenant(written(asPaused(waitingFor(undefined), true))),
      { kstatus: 'Failed', argoCD: 'Suspended' },
    ],
    [
      'a tenant whose Secret is missing since a moment ago',
      tenant(written(waitingFor('SecretNotFound', 1_000))),
      { kstatus: 'InProgress', argoCD: 'Progressing' },
    ],
    [
      'a tenant whose Secret is missing for long',
      tenant(written(waitingFor('SecretNotFound'))),
      { kstatus: 'Failed', argoCD: 'Degraded' },
    ],
  ];

  beforeAll(async () => {
    const reasons = await readReasons();
    const blocked = reasons.map((reason) => [reason, waitingFor(reason)] as const);
    stalledOf = new Map(blocked.map(([reason, verdicts]) => [reason, verdicts.some(({ type }) => type === 'Stalled')]));
    const objects = [
      ...cases.map(([name, object]) => [name, object] as const),
      ...blocked.map(([reason, verdicts]) => [reason, tenant(written(verdicts))] as const),
    ];
    const verdicts = await judgeObjects(
      'IdentityTenant',
      objects.map(([, object]) => object),
    );
    judged = new Map(objects.map(([name], index) => [name, verdicts[index] ?? fail(name)]));
  });

  const fail = (name: string): never => {
    throw new Error(`no verdict on ${name}`);
  };

  it.each(cases)('judge %s', (name, _object, expected) => {
    expect(judged.get(name)).toMatchObject(expected);
  });

  it('take every reason for work in progress or for a failure, as we do', async () => {
    const reasons = await readReasons();
    expect(reasons.length).toBeGreaterThan(20);
    for (const reason of reasons) {
      const isStalled = stalledOf.get(reason);
      const verdict = judged.get(reason);
      expect(verdict, reason).toMatchObject(
        isStalled ? { kstatus: 'Failed', argoCD: 'Degraded' } : { kstatus: 'InProgress', argoCD: 'Progressing' },
      );
      // What people read in the tool is what the condition says.
      expect(verdict?.kstatusMessage, reason).toContain(`${reason} of a database`);
      expect(verdict?.argoCDMessage, reason).toContain(`${reason} of a database`);
    }
  });

  it('wait for a tenant that the operator has not seen yet, in Argo CD', async () => {
    const [unseen] = await judgeObjects('IdentityTenant', [tenant(undefined)]);
    expect(unseen?.argoCD).toBe('Progressing');
  });

  it.each([
    [{ type: 'Ready', status: 'True', reason: 'Registered', message: 'known' }, 'Current', 'Healthy'],
    [{ type: 'Ready', status: 'False', reason: 'TenantNotFound', message: 'missing' }, 'InProgress', 'Progressing'],
  ] as const)('judge a client by the same rules: %o', async (ready, kstatus, argoCD) => {
    const conditions = nextConditions(
      [],
      ready.status === 'True' ? [ready] : [ready, { ...ready, type: 'Reconciling', status: 'True' }],
      generation,
      now,
    );
    const client = { ...tenant(conditions), kind: 'IdentityClient' };
    expect(await judgeObjects('IdentityClient', [client])).toMatchObject([{ kstatus, argoCD }]);
  });
});
