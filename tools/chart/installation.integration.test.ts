import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { waitUntil } from '../../e2e/cluster/wait.ts';
import { openCluster } from '../../e2e/installation/kubernetes.ts';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import { startControlPlane, type TestControlPlane } from '../../operator/testing/control-plane.ts';
import { installForeignDefinitions } from '../../operator/testing/foreign-definitions.ts';
import { ensureHelm, runHelm } from '../machine/helm.ts';
import { defaultRelease, renderChart } from './chart.ts';
import { upgradeRelease } from './release.ts';

let plane: TestControlPlane;
let client: KubernetesClient;

/** A command that waits for ever, as a deletion can, fails under its own name. */
const kubectl = async (parameters: readonly string[], input = ''): Promise<string> => {
  const command = path.join(plane.binaries, 'kubectl');
  const options = { input, timeout: 60_000 };
  const { stdout } = await execa(command, ['--kubeconfig', plane.kubeconfigPath, ...parameters], options);
  return stdout;
};
const helm = async (...parameters: readonly string[]): Promise<string> =>
  runHelm(await ensureHelm(process.env), [...parameters, '--kubeconfig', plane.kubeconfigPath]);

const restricted = 'pod-security.kubernetes.io/enforce=restricted';

/** A pod is made only if Pod Security and all that it names allow it; that it runs is shown on the real cluster. */
const waitForPods = (namespace: string, count: number): Promise<void> =>
  waitUntil(`${count} pods in ${namespace}`, 20_000, async () => {
    const names = await kubectl(['get', 'pods', '-n', namespace, '-o', 'name']);
    return names.split('\n').filter(Boolean).length === count;
  });

const definitionNames = async () => (await kubectl(['get', 'crd', '-o', 'name'])).split('\n');
const definition = 'customresourcedefinition.apiextensions.k8s.io/identitytenants.identity-operator.io';

beforeAll(async () => {
  [plane] = await Promise.all([startControlPlane({ nodes: false }), ensureHelm(process.env)]);
  client = openCluster(plane.kubeconfigPath);
}, 600_000);
afterAll(async () => {
  await client?.close();
  await plane?.stop();
});

test('Helm installs, upgrades and removes it; definitions and tenants stay', async () => {
  const release = { kubeconfigPath: plane.kubeconfigPath, namespace: 'identity', name: 'identity' };
  await kubectl(['create', 'namespace', 'identity']);
  await kubectl(['label', 'namespace', 'identity', restricted]);

  const notes = await upgradeRelease({ ...release, values: {} });
  expect(notes).toContain('works in all namespaces');
  expect(notes).toContain('kubectl -n identity rollout status deployment/identity');
  await waitForPods('identity', 2);
  const tenant = await readFile('examples/minimal.yaml', 'utf8');
  await waitUntil('the tenant to be taken', 20_000, async () => {
    await kubectl(['apply', '-f', '-'], tenant);
    return true;
  });

  const narrow = await upgradeRelease({ ...release, values: { replicas: 1, watchNamespaces: ['default'] } });
  expect(narrow).toContain('works in the namespaces default');
  expect(await kubectl(['get', 'role', '-n', 'default', '-o', 'name'])).toContain(
    'role.rbac.authorization.k8s.io/identity',
  );
  const rules = await kubectl(['get', 'clusterrole', 'identity', '-o', 'jsonpath={.rules[*].resources}']);
  expect(rules).toBe('["nodes"] ["customresourcedefinitions"]');

  await helm('uninstall', 'identity', '--namespace', 'identity');
  expect(
    await kubectl(['get', 'all,role,rolebinding,pdb,networkpolicy,serviceaccount', '-n', 'identity', '-o', 'name']),
  ).not.toMatch(/deployment|\/identity$/m);
  expect(await definitionNames()).toContain(definition);
  expect(await kubectl(['get', 'identitytenants', '-o', 'name'])).not.toBe('');

  // What stayed is the next release's again.
  await upgradeRelease({ ...release, values: {} });
  await helm('uninstall', 'identity', '--namespace', 'identity');
  // A definition goes at once only when nothing of its kind is left. And the API server must have listed the kind once before:
  // it prepares its storage at the first request, and a finalizer that comes to it meanwhile is not tried again for minutes.
  await kubectl(['delete', 'identitytenants,identityclients', '--all']);
  await kubectl(['delete', definition, 'customresourcedefinition/identityclients.identity-operator.io']);
});

test('the static manifest is applied in any order', async () => {
  await kubectl(['apply', '--server-side', '-f', 'install/']);
  await kubectl(['apply', '--server-side', '-f', 'crds/']);
  await waitForPods(defaultRelease, 2);
  await kubectl(['apply', '--server-side', '-f', 'crds/', '-f', 'install/']);
  expect(await definitionNames()).toContain(definition);
});

test.each(['namespaced', 'everything'])('the API server accepts and knows all of: %s', async (name) => {
  await installForeignDefinitions(client, 'serviceMonitors');
  for (const namespace of ['shop', 'bank', defaultRelease]) {
    await kubectl(
      ['apply', '-f', '-'],
      JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }),
    );
  }
  const file = path.join(import.meta.dirname, `testdata/${name}.in.yaml`);
  const values = z.record(z.string(), z.unknown()).parse(parse(await readFile(file, 'utf8')));
  const rendering = await renderChart(values);
  const dryRun = ['apply', '--server-side', '--dry-run=server', '--validate=strict', '--force-conflicts', '-f', '-'];
  const answers = (await kubectl(dryRun, rendering)).split('\n');
  expect(answers).toHaveLength(rendering.match(/^kind:/gm)?.length ?? 0);
});
