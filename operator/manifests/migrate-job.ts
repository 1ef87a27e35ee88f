import type { IJob } from 'kubernetes-models/batch/v1';
import { annotations } from '../api/group.ts';
import type { Blueprint } from './blueprint.ts';
import { contentHash } from './content-hash.ts';
import { objectLabels, ownedMetadata } from './metadata.ts';
import { buildVolume, buildVolumeMount, migrateMounts, mountPaths } from './mounts.ts';
import { objectNames } from './object-names.ts';
import { podDnsConfig } from './pod-dns.ts';
import { buildPodSecurityContext, containerSecurityContext } from './pod-security.ts';
import { buildImagePullSecrets, buildScheduling } from './scheduling.ts';

/**
 * The Job that brings the database to this version. Named by all that it is: another image, other settings, another
 * connection or another template of a newer operator make another Job, since a Job cannot be changed. It has no TTL: that it succeeded is what lets the services start.
 * @param connectionHash changes with migrate's connection Secret. Forty bits over content that holds generated passwords of 256
 *   bits tell nothing of it.
 */
export const buildMigrateJob = (blueprint: Blueprint, settingsName: string, connectionHash: string) => {
  const settings = { name: 'settings', mountPath: mountPaths.settings };
  // Where the token-store may run, the database is reached from. Its affinity is left out: to pods that migrate comes
  // before, it would wait for ever.
  const { affinity: _affinity, ...scheduling } = buildScheduling(blueprint, 'token-store');
  const mounts = migrateMounts(blueprint);
  const spec = {
    // It retries for as long as the database is away: that is nobody's fault whom the tenant could name.
    backoffLimit: 1_000_000,
    template: {
      metadata: { labels: objectLabels(blueprint, 'migrate') },
      spec: {
        restartPolicy: 'OnFailure',
        serviceAccountName: objectNames.serviceAccount(blueprint),
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        dnsConfig: podDnsConfig,
        securityContext: buildPodSecurityContext(65_532),
        ...scheduling,
        ...buildImagePullSecrets(blueprint),
        containers: [
          {
            name: 'migrate',
            image: blueprint.image,
            imagePullPolicy: 'IfNotPresent',
            command: ['node', '/app/migrate.mjs', `${mountPaths.settings}/settings.json`],
            resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '256Mi' } },
            securityContext: containerSecurityContext,
            volumeMounts: [settings, ...mounts].map(buildVolumeMount),
          },
        ],
        volumes: [{ name: settings.name, configMap: { name: settingsName } }, ...mounts.map(buildVolume)],
      },
    },
  } satisfies IJob['spec'];
  const hash = contentHash([spec, connectionHash]);
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      ...ownedMetadata(blueprint, objectNames.migrateJob(blueprint, hash), 'migrate'),
      ...(blueprint.spec.image === undefined ? { annotations: { [annotations.release]: blueprint.version } } : {}),
    },
    spec,
  } satisfies IJob;
};
