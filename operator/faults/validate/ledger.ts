import { describeCall, isWrite } from '../../testing/fault-proxy/api-call.ts';
import type { RecordedCall } from '../../testing/fault-proxy.ts';
import { withoutHash } from './namespace-state.ts';

/**
 * What was really written, by `create secrets/acme-signing-keys`, and how often. `create` is every call that made an
 * object, an apply too; what the API server refused or never heard of is not in it. Status and events are not either: how
 * many of them there are depends on how fast Kubernetes' own controllers are.
 */
export type Ledger = Readonly<Record<string, number>>;

const created = 201;

const nameOf = (call: RecordedCall): string =>
  withoutHash(describeCall(call.status === created ? { ...call, verb: 'create' } : call));

/** Whether the API server did what the call asked for. */
export const isCommitted = (call: RecordedCall): boolean =>
  isWrite(call) && call.status !== undefined && call.status < 300;

export const buildLedger = (calls: readonly RecordedCall[]): Ledger => {
  const counts = new Map<string, number>();
  for (const call of calls) {
    if (!isCommitted(call) || call.resource === 'events' || call.subresource === 'status') continue;
    counts.set(nameOf(call), (counts.get(nameOf(call)) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([one], [other]) => (one < other ? -1 : 1)));
};

const isMaking = (write: string): boolean => write.startsWith('create ') || write.startsWith('delete ');

const compareWrites = (
  expected: Ledger,
  found: Ledger,
  isRight: (write: string, wanted: number, seen: number) => boolean,
) =>
  [...new Set([...Object.keys(expected), ...Object.keys(found)])].flatMap((write) => {
    const [wanted = 0, seen = 0] = [expected[write], found[write]];
    return isRight(write, wanted, seen) ? [] : [`${write}: ${seen} times instead of ${wanted}`];
  });

/** How what a run made and deleted deviates from a run that nothing happened to. */
export const compareMakings = (expected: Ledger, found: Ledger): string[] =>
  compareWrites(expected, found, (write, wanted, seen) => !isMaking(write) || seen === wanted);

/**
 * How all that a run wrote deviates: what is made and deleted as {@link compareMakings}, and nothing else may be written
 * more often. Less often is well, since an operator that starts anew sees at once what the other saw in two steps.
 */
export const compareLedgers = (expected: Ledger, found: Ledger): string[] =>
  compareWrites(expected, found, (write, wanted, seen) => (isMaking(write) ? seen === wanted : seen <= wanted));
