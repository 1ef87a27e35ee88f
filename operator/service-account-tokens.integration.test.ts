import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import type { IConfigMap } from 'kubernetes-models/v1';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitUntil } from '../e2e/cluster/wait.ts';
import { createServiceAccountTokenVerifier } from '../services/auth/clients/service-account-token.ts';
import { authLiveSettingsSchema, type ServiceAccountTokens } from '../services/auth/settings.ts';
import { apiVersion } from './api/group.ts';
import type { LiveObject } from './runtime/kubernetes-object.ts';
import { builtInResources } from './runtime/resource-kind.ts';
import { type OperatedCluster, startOperatedCluster } from './testing/operated-cluster.ts';

const run = promisify(execFile);
const namespace = 'shop';
const issuer = 'https://id.shop.example';
const orders = 'system:serviceaccount:shop:orders';

describe('tokens of service accounts of a real API server', { timeout: 120_000 }, () => {
  let operated: OperatedCluster;
  let trusted: ServiceAccountTokens | undefined;

  const kubectl = async (...words: string[]): Promise<string> => {
    const { binaries, kubeconfigPath } = operated.cluster.plane;
    const { stdout } = await run(path.join(binaries, 'kubectl'), [
      ...['--kubeconfig', kubeconfigPath, '-n', namespace],
      ...words,
    ]);
    return stdout.trim();
  };
  /** What auth is told, by the ConfigMap that its pods mount. */
  const readTrusted = async (): Promise<ServiceAccountTokens | undefined> => {
    const resource = builtInResources.configMaps;
    const live = await operated.cluster.client.get<LiveObject & IConfigMap>({
      resource,
      namespace,
      name: 'acme-auth-live',
    });
    const text = live?.data?.['live.json'];
    return text === undefined ? undefined : authLiveSettingsSchema.parse(JSON.parse(text)).serviceAccountTokens;
  };

  beforeAll(async () => {
    operated = await startOperatedCluster();
    await operated.cluster.createNamespace(namespace);
    await kubectl('create', 'serviceaccount', 'orders');
    await kubectl('create', 'serviceaccount', 'other');
    await operated.cluster.client.create({
      apiVersion,
      kind: 'IdentityTenant',
      metadata: { name: 'acme', namespace },
      spec: { issuer },
    });
    await waitUntil('auth to be told of the keys', 60_000, async () => (await readTrusted()) !== undefined);
    trusted = await readTrusted();
  });
  afterAll(() => operated?.stop());

  const verify = (token: string) => createServiceAccountTokenVerifier(issuer, () => trusted)(token, orders);

  it('are taken for the issuer, for an hour at most, and of that account alone', async () => {
    const [good, elsewhere, ordinary, other, long, shared] = await Promise.all([
      kubectl('create', 'token', 'orders', `--audience=${issuer}`, '--duration=1h'),
      kubectl('create', 'token', 'orders', '--audience=https://elsewhere.example'),
      kubectl('create', 'token', 'orders'),
      kubectl('create', 'token', 'other', `--audience=${issuer}`),
      kubectl('create', 'token', 'orders', `--audience=${issuer}`, '--duration=2h'),
      kubectl('create', 'token', 'orders', `--audience=${issuer}`, '--audience=https://elsewhere.example'),
    ]);
    expect(await verify(good)).toBe(true);
    for (const token of [elsewhere, ordinary, other, long, shared]) expect(await verify(token)).toBe(false);
  });

  it('stay known when another operator leads', async () => {
    const before = await readTrusted();
    await operated.whileNoOperatorRuns(async () => undefined);
    expect(await readTrusted()).toEqual(before);
  });
});
