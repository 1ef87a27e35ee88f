/** API group, version and the label and annotation keys of this project. */
export const group = 'identity-operator.io';
export const version = 'v1alpha1';
export const apiVersion = `${group}/${version}`;

/** Recommended labels of Kubernetes, and ours. Owned objects carry all of them. */
export const labels = {
  managedBy: 'app.kubernetes.io/managed-by',
  name: 'app.kubernetes.io/name',
  instance: 'app.kubernetes.io/instance',
  component: 'app.kubernetes.io/component',
  version: 'app.kubernetes.io/version',
  /** UID of the tenant: what ownerReferences say, also on objects that must outlive the tenant and so have no owner. */
  tenantUid: `${group}/tenant-uid`,
} as const;

export const managedByValue = 'identity-operator';

export const annotations = {
  /** SHA-256 of what was applied last; with it an unchanged object costs no comparison. */
  desiredHash: `${group}/desired-hash`,
  /** Version whose own image an object was made with: a tenant that stays at the version keeps the image. */
  release: `${group}/release`,
  /** Issuer whose keys, credentials or data an object holds; a tenant of another issuer never adopts it. */
  issuer: `${group}/issuer`,
  /** On a tenant, any new value restarts its services once; it is kept in the template of their pods. */
  restart: `${group}/restart`,
  /** On the pods of the managed database: hash of the CA whose certificate they serve. */
  certificateAuthority: `${group}/certificate-authority`,
  /** On a tenant: id of a database that may take the place of the remembered one, or `empty`. */
  acceptDatabase: `${group}/accept-database`,
  /** On the retained credentials: the value of `accept-database` that has done its work. */
  acceptedDatabase: `${group}/accepted-database`,
} as const;

/** Field managers of server-side apply. Replicas have one of their own, since an HPA shares that field with us; turns, since a tenant's report is not to drop them. */
export const fieldManagers = {
  objects: 'identity-operator',
  replicas: 'identity-operator-replicas',
  fleet: 'identity-operator-fleet',
} as const;

/** Set only under `deletionPolicy: Delete`, for what no ownerReference can clean up. */
export const tenantFinalizer = `${group}/retained-objects`;

/** Set on every client: it is disabled in auth before it goes. */
export const clientFinalizer = `${group}/client-registration`;
