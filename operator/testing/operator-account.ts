import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments, stringify } from 'yaml';
import type { TestControlPlane } from './control-plane.ts';

const run = promisify(execFile);

const account = { namespace: 'identity-operator', name: 'identity-operator' } as const;
const accountKinds = new Set(['ServiceAccount', 'ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding']);
const manifest = path.join(import.meta.dirname, '../../install/operator.yaml');

/**
 * Makes the account of `install/operator.yaml` with exactly its rights, so that an operator under test that needs one
 * more fails as it would in a user's cluster.
 * @param rendering another rendering of the chart, under the same names
 * @returns a kubeconfig that acts as this account for an hour.
 */
export const installOperatorAccount = async (
  plane: TestControlPlane,
  rendering?: string,
): Promise<{ readonly kubeconfig: string }> => {
  const kubectl = (...words: string[]) =>
    run(path.join(plane.binaries, 'kubectl'), ['--kubeconfig', plane.kubeconfigPath, ...words]);
  const documents = parseAllDocuments(rendering ?? (await readFile(manifest, 'utf8'))).filter((document) =>
    accountKinds.has(String(document.get('kind'))),
  );
  const file = path.join(plane.directory, 'operator-account.yaml');
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: account.namespace } };
  const objects = [namespace, ...documents.map((document) => document.toJS())];
  await writeFile(file, objects.map((object) => stringify(object)).join('---\n'));
  await kubectl('apply', '--server-side', '--force-conflicts', '-f', file);
  const token = (await kubectl('create', 'token', '-n', account.namespace, account.name)).stdout.trim();
  const { stdout: admin } = await kubectl('config', 'view', '--raw', '--minify', '-o', 'json');
  const { clusters, contexts } = JSON.parse(admin) as {
    clusters: { name: string }[];
    contexts: { name: string; context: { cluster: string } }[];
  };
  const user = account.name;
  return {
    kubeconfig: JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters,
      users: [{ name: user, user: { token } }],
      contexts: contexts.map(({ name, context }) => ({ name, context: { cluster: context.cluster, user } })),
      'current-context': contexts[0]?.name,
    }),
  };
};

/** Takes all rights from the account; it stays, and may be given others. */
export const removeOperatorRights = async (plane: TestControlPlane): Promise<void> => {
  const kubectl = path.join(plane.binaries, 'kubectl');
  const selector = `app.kubernetes.io/name=${account.name}`;
  const kinds = 'clusterrolebindings,clusterroles,rolebindings,roles';
  await run(kubectl, ['--kubeconfig', plane.kubeconfigPath, 'delete', kinds, '--all-namespaces', '-l', selector]);
};
