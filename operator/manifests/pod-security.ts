import type { IPodSecurityContext, ISecurityContext } from 'kubernetes-models/v1';

/** Pod Security `restricted`. `OnRootMismatch`: PostgreSQL refuses a data folder whose modes were changed behind it. */
export const buildPodSecurityContext = (uid: number) =>
  ({
    runAsNonRoot: true,
    runAsUser: uid,
    runAsGroup: uid,
    fsGroup: uid,
    fsGroupChangePolicy: 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
  }) satisfies IPodSecurityContext;

/** Nothing is writable but what is mounted. */
export const containerSecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
} satisfies ISecurityContext;
