/** `metadata.ownerReferences[]`. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** `metadata.managedFields[]`: which fields a manager holds, by which operation. */
export interface ManagedFieldsEntry {
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly apiVersion?: string | undefined;
  readonly time?: string | undefined;
  readonly fieldsType?: string;
  /** Paths of fields, as nested objects. */
  readonly fieldsV1?: object | undefined;
}

/** The part of `metadata` that the runtime and its callers read or write. */
export interface ObjectMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

/** What all objects have. Interfaces of `kubernetes-models` are assignable to it. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata?: ObjectMeta;
}

/** What may be sent: an interface of the object's kind, or a literal with whatever fields the kind has. */
export type DesiredObject = KubernetesObject | (KubernetesObject & Readonly<Record<string, unknown>>);

/** An object as the API server answers it: it has a name, a UID and a resourceVersion. */
export interface LiveObject extends KubernetesObject {
  readonly metadata: ObjectMeta & { readonly name: string; readonly uid: string; readonly resourceVersion: string };
}

/** The key of an object within its kind: `namespace/name`, or the bare name of a cluster-scoped object. */
export const objectKey = (namespace: string | undefined, name: string): string =>
  namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;

/** The inverse of {@link objectKey}. */
export const parseObjectKey = (key: string): { namespace: string | undefined; name: string } => {
  const slash = key.indexOf('/');
  return slash < 0
    ? { namespace: undefined, name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
};
