import type { IStatefulSet } from 'kubernetes-models/apps/v1';
import { defaultStorage } from '../api/database-spec.ts';
import { annotations } from '../api/group.ts';
import type { Blueprint } from './blueprint.ts';
import { contentHash } from './content-hash.ts';
import { managedDatabase } from './database-connection.ts';
import { objectLabels, ownedMetadata, selectorLabels } from './metadata.ts';
import { buildVolume, mountPaths } from './mounts.ts';
import { objectNames } from './object-names.ts';
import { buildPodSecurityContext, containerSecurityContext } from './pod-security.ts';
import { ports } from './ports.ts';
import { canonicalQuantity } from './quantity.ts';
import { buildResources } from './resources.ts';
import { buildImagePullSecrets } from './scheduling.ts';

/** uid of `postgres` in the official image. */
const postgresUid = 999;
const dataRoot = '/var/lib/postgresql';
const credentialsPath = '/etc/identity/credentials';

/** Size of the volume that the tenant asks for, as the API server spells it. */
export const managedStorage = ({ spec }: Pick<Blueprint, 'spec'>): string =>
  canonicalQuantity(spec.database?.managed?.storage ?? defaultStorage);

/**
 * The managed PostgreSQL: one pod, one volume, TLS by the tenant's CA. Its claim has no owner, so that deleting the
 * tenant keeps the data under `deletionPolicy: Retain`; it carries the issuer, so that no other tenant adopts it.
 * @param internalCa PEM of that CA. Another one, since it was lost and made anew, restarts the database: PostgreSQL reads its
 * certificate when it starts, and goes on with one that nobody trusts any more. A renewed certificate of the same CA does not.
 */
export const buildDatabaseStatefulSet = (blueprint: Blueprint, internalCa: string) => {
  const managed = blueprint.spec.database?.managed;
  const name = objectNames.database(blueprint);
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: ownedMetadata(blueprint, name, 'database'),
    spec: {
      replicas: 1,
      serviceName: name,
      // OrderedReady would wait for ever for a pod of a broken revision before it makes one of the repaired revision.
      podManagementPolicy: 'Parallel',
      revisionHistoryLimit: 3,
      selector: { matchLabels: selectorLabels(blueprint, 'database') },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
      template: {
        metadata: {
          labels: objectLabels(blueprint, 'database'),
          annotations: { [annotations.certificateAuthority]: contentHash(internalCa) },
        },
        spec: {
          serviceAccountName: objectNames.serviceAccount(blueprint),
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: buildPodSecurityContext(postgresUid),
          terminationGracePeriodSeconds: 60,
          ...buildImagePullSecrets(blueprint),
          ...(managed?.nodeSelector === undefined ? {} : { nodeSelector: managed.nodeSelector }),
          containers: [
            {
              name: 'postgres',
              image: blueprint.databaseImage,
              imagePullPolicy: 'IfNotPresent',
              args: [
                ['ssl', 'on'],
                ['ssl_cert_file', `${mountPaths.identity}/tls.crt`],
                ['ssl_key_file', `${mountPaths.identity}/tls.key`],
                ['max_connections', '200'],
              ].flatMap(([setting, value]) => ['-c', `${setting}=${value}`]),
              env: [
                { name: 'POSTGRES_USER', value: managedDatabase.owner },
                { name: 'POSTGRES_DB', value: managedDatabase.database },
                { name: 'POSTGRES_PASSWORD_FILE', value: `${credentialsPath}/owner-password` },
                // A folder within the volume: the volume's own root belongs to root and may hold lost+found.
                { name: 'PGDATA', value: `${dataRoot}/data` },
              ],
              ports: [{ name: 'postgres', containerPort: ports.postgres, protocol: 'TCP' }],
              resources: buildResources(managed?.resources, {
                requests: { cpu: '100m', memory: '256Mi' },
                limits: { memory: '1Gi' },
              }),
              securityContext: containerSecurityContext,
              // The port opens only when recovery is done; while initialising, the server listens on its socket alone.
              startupProbe: {
                tcpSocket: { port: 'postgres' },
                periodSeconds: 1,
                failureThreshold: 300,
                timeoutSeconds: 2,
              },
              readinessProbe: {
                tcpSocket: { port: 'postgres' },
                periodSeconds: 2,
                failureThreshold: 2,
                timeoutSeconds: 2,
              },
              volumeMounts: [
                { name: 'data', mountPath: dataRoot },
                { name: 'run', mountPath: '/var/run/postgresql' },
                { name: 'tmp', mountPath: '/tmp' },
                { name: 'identity', mountPath: mountPaths.identity, readOnly: true },
                { name: 'credentials', mountPath: credentialsPath, readOnly: true },
              ],
            },
          ],
          volumes: [
            { name: 'run', emptyDir: {} },
            { name: 'tmp', emptyDir: {} },
            buildVolume({
              name: 'identity',
              mountPath: mountPaths.identity,
              secretName: objectNames.identity(blueprint, 'database'),
            }),
            buildVolume({
              name: 'credentials',
              mountPath: credentialsPath,
              secretName: objectNames.databaseCredentials(blueprint),
              items: ['owner-password'],
            }),
          ],
        },
      },
      volumeClaimTemplates: [
        {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: {
            name: 'data',
            labels: objectLabels(blueprint, 'database'),
            annotations: { [annotations.issuer]: blueprint.spec.issuer },
          },
          spec: {
            accessModes: ['ReadWriteOnce'],
            resources: { requests: { storage: managedStorage(blueprint) } },
            ...(managed?.storageClassName === undefined ? {} : { storageClassName: managed.storageClassName }),
          },
        },
      ],
    },
  } satisfies IStatefulSet;
};
