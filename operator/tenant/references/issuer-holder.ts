import { objectKey } from '../../runtime/kubernetes-object.ts';

type Claimant = {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly uid: string;
    readonly creationTimestamp?: string | undefined;
  };
};

/** Creation has seconds only: of two tenants made in the same second the UID decides, the same way for both. */
const isElder = ({ metadata: one }: Claimant, { metadata: other }: Claimant): boolean => {
  const [oneTime = '', otherTime = ''] = [one.creationTimestamp, other.creationTimestamp];
  return oneTime === otherTime ? one.uid < other.uid : oneTime < otherTime;
};

/**
 * The tenant that holds the issuer of `tenant`, as `namespace/name`: the eldest of all that name it. Undefined when that is
 * `tenant` itself. One that is being deleted holds on until it is gone, since its pods still answer.
 * @param claimants every tenant with this issuer, in all namespaces that the operator watches.
 */
export const findIssuerHolder = (tenant: Claimant, claimants: readonly Claimant[]): string | undefined => {
  const eldest = claimants
    .filter(({ metadata }) => metadata.uid !== tenant.metadata.uid)
    .reduce((elder, one) => (isElder(one, elder) ? one : elder), tenant);
  return eldest === tenant ? undefined : objectKey(eldest.metadata.namespace, eldest.metadata.name);
};
