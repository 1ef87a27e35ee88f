import { isWrite } from '../../testing/fault-proxy/api-call.ts';
import { type FaultPlan, onNth } from '../../testing/fault-proxy/fault.ts';

/** The operator dies at its `write`-th write of a step (from 1): before the API server hears of it, or after it is done. */
export type CrashPoint = { readonly write: number; readonly when: 'before' | 'after' };

/** Every crash point of a step with so many writes. */
export const listCrashPoints = (writes: number): CrashPoint[] =>
  Array.from({ length: writes }, (_, index) => index + 1).flatMap((write) => [
    { write, when: 'before' },
    { write, when: 'after' },
  ]);

/** The faults that make a crash point happen. */
export const planCrash = ({ write, when }: CrashPoint): FaultPlan => onNth(write, isWrite, { kind: `kill-${when}` });

/** `n` of `all`, spread evenly; all of them when there are fewer. */
export const spread = <T>(all: readonly T[], n: number): T[] =>
  n >= all.length
    ? [...all]
    : Array.from({ length: n }, (_, index) => all[Math.floor((index * all.length) / n)]).filter(
        (one) => one !== undefined,
      );
