import type { ApiCall } from '../../testing/fault-proxy/api-call.ts';
import { isWrite } from '../../testing/fault-proxy/api-call.ts';
import type { Fault, FaultPlan } from '../../testing/fault-proxy/fault.ts';
import { pick } from './random.ts';

const faultsOfReads: readonly Fault[] = [
  { kind: 'cut-before' },
  { kind: 'cut-within' },
  { kind: 'refuse', status: 429, retryAfterSeconds: 0 },
  { kind: 'refuse', status: 500 },
  { kind: 'refuse', status: 503 },
];
const faultsOfWrites: readonly Fault[] = [
  ...faultsOfReads,
  { kind: 'cut-after' },
  { kind: 'time-out' },
  { kind: 'refuse', status: 409 },
];

/** A storm passes after so many calls. */
const calls = 40;
const faultPercent = 15;

const mayFail = ({ resource, verb }: ApiCall): boolean => resource !== 'leases' && verb !== 'watch';

/** Some of the next calls fail in one way or another; of watches and the Lease none. */
export const planStorm = (random: () => number): FaultPlan => {
  let left = calls;
  return (call) => {
    if (left === 0 || !mayFail(call)) return undefined;
    left -= 1;
    return random() * 100 < faultPercent ? pick(isWrite(call) ? faultsOfWrites : faultsOfReads, random) : undefined;
  };
};
