import { describe, expect, it } from 'vitest';
import type { MigrationFailure } from '../../../services/shared/contracts/migration-report.ts';
import { annotations } from '../../api/group.ts';
import { generateEntries } from '../../keys/generated-secret.ts';
import { objectLabels } from '../../manifests/metadata.ts';
import { carryOut, install, migrated, nothing, now, release, withStatus } from '../../testing/observations.ts';
import { buildTenant } from '../../testing/tenants.ts';
import type { Observed } from '../observed.ts';
import type { OperatorRelease } from '../operator-release.ts';
import { planTenant } from '../plan.ts';
import { listReferences } from '../references/spec-references.ts';
import { noLimits } from '../references/tenant-admission.ts';
import { type StalledReason, stalledReasons } from './tenant-verdicts.ts';

/** A tenant that waits for somebody, what it says, and the way out that it names. */
type Case = {
  readonly stalled: () => Promise<Observed>;
  readonly says: RegExp;
  readonly cured: () => Promise<Observed>;
  readonly release?: OperatorRelease;
};

type Spec = Record<string, unknown>;

/** A new tenant whose references are there with these entries, by name; without entries they are not. */
const naming = (spec: Spec, present: Readonly<Record<string, Readonly<Record<string, string>>>> = {}): Observed => ({
  ...nothing(spec),
  served: new Set(['HTTPRoute', 'BackendTLSPolicy']),
  references: listReferences(buildTenant(spec)).map((reference) => {
    const entries = present[reference.name];
    return entries === undefined ? reference : { ...reference, found: { uid: 'u', resourceVersion: '1', entries } };
  }),
});

const always = (observed: Observed) => async () => observed;
const fresh = always(nothing());

const tls = { gateway: { tls: { secretName: 'public-tls' } } };
const gatewayApi = { parentRefs: [{ name: 'public' }], backendCAConfigMapRef: { name: 'internal-ca' } };
const route = { gateway: { exposure: { gatewayAPI: gatewayApi } } };
const outside = { database: { connection: { secretRef: { name: 'db' } } } };
const mailing = { auth: { mail: { smtpSecretRef: { name: 'smtp' }, from: 'no-reply@acme.example' } } };
const cached = { cache: { connection: { secretRef: { name: 'redis' } } } };
const trusting = { trustBundles: [{ configMapRef: { name: 'corporate' } }] };
const databaseUrl = 'postgres://owner:secret@db.example:5432/identity';

const certificate = async (): Promise<string> =>
  (await generateEntries({ kind: 'certificate-authority', tenant: 'acme' }, now))['tls.crt'] ?? '';

/** A tenant whose migrate Job has reported a failure. */
const afterMigration = async (failure: Omit<MigrationFailure, 'outcome'>): Promise<Observed> => {
  const observed = await install('database');
  const plan = planTenant(observed, release, now);
  const job = plan.apply.find(({ kind }) => kind === 'Job')?.metadata?.name;
  const terminationMessage = JSON.stringify({ outcome: 'failed', ...failure });
  const pod = { name: `${job}-x`, component: 'migrate', ready: false, terminating: false, createdAt: 0 };
  return { ...(await carryOut(observed, plan)), pods: [{ ...pod, terminationMessage }] };
};
const afterRepair = async (): Promise<Observed> => {
  const observed = await install('database');
  return migrated(await carryOut(observed, planTenant(observed, release, now)));
};
const migration = (says: RegExp, failure: Omit<MigrationFailure, 'outcome'>): Case => ({
  stalled: () => afterMigration(failure),
  says,
  cured: afterRepair,
});

const claim = (spec: Spec, storageClassName: string): Observed => {
  const observed = nothing(spec);
  const metadata = {
    name: 'data-acme-database-0',
    uid: 'volume',
    resourceVersion: '1',
    labels: objectLabels(observed.tenant.metadata, 'database'),
    annotations: { [annotations.issuer]: observed.tenant.spec.issuer },
  };
  const volume = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: { storageClassName } };
  return { ...observed, objects: [volume] };
};

const managed = (more: Spec): Spec => ({ database: { managed: more } });

/** A retained Secret of an earlier tenant of this name. */
const left = (issuer: string): Observed => {
  const metadata = {
    name: 'acme-signing-keys',
    uid: 'left',
    resourceVersion: '1',
    annotations: { [annotations.issuer]: issuer },
  };
  return {
    ...nothing(),
    secrets: new Map([[metadata.name, { apiVersion: 'v1', kind: 'Secret', metadata, entries: {} }]]),
  };
};

const limited = (limits: Partial<typeof noLimits>): OperatorRelease => ({
  ...release,
  limits: { ...noLimits, ...limits },
});

const stuck = async (): Promise<Observed> =>
  withStatus(await install('ready'), 'Deployment', {
    observedGeneration: 1,
    replicas: 3,
    readyReplicas: 2,
    updatedReplicas: 1,
    availableReplicas: 2,
    conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }],
  });

const spread = { availability: { zoneSpread: 'Required' } };

const cases: Record<StalledReason, Case> = {
  SecretNotFound: {
    stalled: always(naming(tls)),
    says: /^Secret "public-tls" is not there; create it, or name another Secret in spec\.gateway\.tls\.secretName$/,
    cured: always(naming(tls, { 'public-tls': { 'tls.crt': 'c', 'tls.key': 'k' } })),
  },
  SecretKeyMissing: {
    stalled: always(naming(tls, { 'public-tls': { 'tls.crt': 'c' } })),
    says: /^Secret "public-tls" has no key "tls\.key"; add it, or name another Secret in spec\.gateway\.tls\.secretName$/,
    cured: always(naming(tls, { 'public-tls': { 'tls.crt': 'c', 'tls.key': 'k' } })),
  },
  ConfigMapNotFound: {
    stalled: always(naming(route)),
    says: /^ConfigMap "internal-ca" is not there; create it, or name another ConfigMap in spec\.gateway\.exposure\.gatewayAPI\.backendCAConfigMapRef$/,
    cured: always(naming(route, { 'internal-ca': { 'ca.crt': 'c' } })),
  },
  ConfigMapKeyMissing: {
    stalled: always(naming(route, { 'internal-ca': {} })),
    says: /^ConfigMap "internal-ca" has no key "ca\.crt"; add it/,
    cured: always(naming(route, { 'internal-ca': { 'ca.crt': 'c' } })),
  },
  KindNotServed: {
    stalled: always({ ...naming(route, { 'internal-ca': { 'ca.crt': 'c' } }), served: new Set() }),
    says: /does not serve HTTPRoute .* install the Gateway API, 1\.4 or newer, or choose another exposure$/,
    cured: always(naming(route, { 'internal-ca': { 'ca.crt': 'c' } })),
  },
  NameTaken: {
    stalled: always({ ...nothing(), taken: 'Service "acme-auth"' }),
    says: /^Service "acme-auth" belongs to somebody else and is left alone; delete or rename it, or give the tenant another name$/,
    cured: fresh,
  },
  IssuerInUse: {
    stalled: always({ ...nothing(), issuerHolder: 'bank/acme' }),
    says: /elder IdentityTenant "bank\/acme"; delete one of the two/,
    cured: fresh,
  },
  VersionNotSupported: {
    stalled: always(nothing({ version: '9.9.9' })),
    says: /^spec\.version 9\.9\.9 is none that this operator can run, which is 0\.1\.x; name one of these, or unset it$/,
    cured: always(nothing({ version: '0.1.0' })),
  },
  IssuerInvalid: {
    stalled: always(nothing({ issuer: 'https://xn--a.example' })),
    says: /^the host of the issuer https:\/\/xn--a\.example is no name .* make the tenant anew with another issuer$/,
    cured: always(nothing({ issuer: 'https://xn--bcher-kva.example' })),
  },
  IssuerNotAllowed: {
    stalled: fresh,
    says: /is not allowed in the namespace "shop" .* ask who runs the operator to add it to allowedIssuers$/,
    cured: fresh,
    release: limited({ issuers: { shop: ['https://*.elsewhere.example'] } }),
  },
  ImageNotAllowed: {
    stalled: always(nothing({ version: '0.1.0', image: 'evil.example/identity:1' })),
    says: /^spec\.image "evil\.example\/identity:1" is from none of the registries .*change spec\.image, or ask/,
    cured: always(nothing({ version: '0.1.0', image: 'registry.example/identity:1' })),
    release: limited({ registries: ['registry.example'] }),
  },
  PriorityClassNotAllowed: {
    stalled: always(nothing({ auth: { priorityClassName: 'system-node-critical' } })),
    says: /^spec\.auth\.priorityClassName "system-node-critical" is none .*change spec\.auth\.priorityClassName, or ask/,
    cured: always(nothing({ auth: { priorityClassName: 'high' } })),
    release: limited({ priorityClasses: ['high'] }),
  },
  ObjectRefused: {
    stalled: always({ ...nothing(), refused: 'exceeded quota: small' }),
    says: /refuses what the tenant asks for; correct the tenant, or the policy that forbids it: exceeded quota: small$/,
    cured: fresh,
  },
  VolumeNotExpandable: {
    stalled: always({ ...nothing(managed({ storage: '20Gi' })), volumeRefused: 'only dynamically provisioned' }),
    says: /cannot grow from .* to 20Gi; use a StorageClass that allows it \(allowVolumeExpansion\), or move the data/,
    cured: fresh,
  },
  StorageClassFixed: {
    stalled: always(claim(managed({ storageClassName: 'fast' }), 'slow')),
    says: /StorageClass "slow" and stays in it; set spec\.database\.managed\.storageClassName to that/,
    cured: always(nothing(managed({ storageClassName: 'fast' }))),
  },
  RetainedObjectsOfAnotherIssuer: {
    stalled: always(left('https://other.example')),
    says: /^Secret "acme-signing-keys" holds keys or data of the issuer https:\/\/other\.example; delete all that its tenant left, or choose another name$/,
    cured: always(left('https://id.acme.example')),
  },
  EncryptionKeyMissing: {
    stalled: always({ ...nothing(), databaseVolumeExists: true }),
    says: /^Secret "acme-data-encryption-keys" is gone, and data that needs it is there; restore it from a backup$/,
    cured: fresh,
  },
  EncryptionKeyChanged: migration(/sealed with another data-encryption key "1" .* restore its Secret from a backup/, {
    reason: 'EncryptionKeyChanged',
    keyId: '1',
  }),
  DatabaseAuthenticationFailed: migration(/refuses the user or password of its URL; correct the Secret \(28P01\)$/, {
    reason: 'AuthenticationFailed',
    code: '28P01',
  }),
  DatabasePermissionDenied: migration(/may not create schemas; grant CREATE on the database, or make it the owner/, {
    reason: 'PermissionDenied',
  }),
  DatabaseRoleMissing: migration(/auth-url or token-store-url names; create it, or take the URL out of the Secret/, {
    reason: 'RoleMissing',
  }),
  DatabaseChanged: migration(/the database is empty, .* annotate the tenant with .*accept-database: empty/, {
    reason: 'DatabaseChanged',
    expected: 'ours',
    found: 'empty',
  }),
  MigrationFailed: migration(/a migration failed; the log of the migrate Job says which/, {
    reason: 'MigrationFailed',
  }),
  RolloutStuck: {
    stalled: stuck,
    says: /the rollout does not advance: .*look at the new pods \(kubectl describe, kubectl logs\), or take the change back$/,
    cured: () => install('ready'),
  },
  NodesNotReadable: {
    stalled: async () => ({ ...(await install('ready', spread)), nodes: undefined }),
    says: /nodes/,
    cured: () => install('ready', spread),
  },
  DatabaseUrlInvalid: {
    stalled: always(naming(outside, { db: { url: 'nonsense:secret@' } })),
    says: /^key "url" of Secret "db" is no URL like postgres:\/\/user:password@host:5432\/database; correct it$/,
    cured: always(naming(outside, { db: { url: databaseUrl } })),
  },
  CacheUrlInvalid: {
    stalled: always(naming(cached, { redis: { url: 'nonsense:secret@' } })),
    says: /^key "url" of Secret "redis" is no URL like rediss:.*; correct it$/,
    cured: always(naming(cached, { redis: { url: 'rediss://user:secret@redis.example:6379/0' } })),
  },
  MailUrlInvalid: {
    stalled: always(naming(mailing, { smtp: { url: 'smtp://user:secret@mail.example?tls=maybe' } })),
    says: /^key "url" of Secret "smtp" is no URL like smtp:.*; correct it$/,
    cured: always(naming(mailing, { smtp: { url: 'smtp://user:secret@mail.example' } })),
  },
  TrustBundleInvalid: {
    stalled: always(naming(trusting, { corporate: { 'ca.crt': 'secret' } })),
    says: /^key "ca\.crt" of ConfigMap "corporate" holds no PEM certificate, or one that cannot be read; put certificates there$/,
    cured: async () => naming(trusting, { corporate: { 'ca.crt': await certificate() } }),
  },
};

const stalledOf = (observed: Observed, with_: OperatorRelease) => {
  // What is missing may come for a minute yet.
  const { status } = planTenant(observed, with_, now);
  const later = new Date(now.getTime() + 61_000);
  const again = planTenant({ ...observed, tenant: { ...observed.tenant, status } }, with_, later);
  return again.status.conditions?.find(({ type }) => type === 'Stalled');
};

describe('a tenant that waits for somebody', () => {
  it.each(stalledReasons)('because of %s says what to do', async (reason) => {
    const { stalled, says, release: own = release } = cases[reason];
    const condition = stalledOf(await stalled(), own);
    expect(condition).toMatchObject({ status: 'True', reason });
    expect(condition?.message).toMatch(says);
    expect(condition?.message).not.toContain('secret@');
  });

  it.each(stalledReasons)('because of %s goes on when that is done', async (reason) => {
    const { cured, release: own = release } = cases[reason];
    // What an installation forbids, whoever runs it may allow.
    expect(stalledOf(await cured(), reason === 'IssuerNotAllowed' ? release : own)).toBeUndefined();
  });
});
