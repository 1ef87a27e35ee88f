import { z } from 'zod';
import { celRules } from './cel-rules.ts';

const pattern = /^([0-9]{1,8}(\.[0-9]{1,3})?(ms|s|m|h))+$/;
const millisecondsOf: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** A Go duration as Kubernetes users write them, `720h`, `1m30s`; never negative. */
export const durationSchema = z.string().max(32).regex(pattern);

/**
 * A Go duration within bounds, both included. Every duration has some: a lifetime of nothing stops a service, and a timer of
 * more than 24 days fires at once.
 */
export const durationBetween = (field: string, least: string, most: string) =>
  durationSchema.meta(
    celRules({
      rule: `duration(self) >= duration('${least}') && duration(self) <= duration('${most}')`,
      message: `${field} must be at least ${least} and at most ${most}`,
    }),
  );

/**
 * Milliseconds of a Go duration, rounded up.
 * @throws RangeError when the text is none; the CRD's pattern has refused such text before.
 */
export const parseDurationMilliseconds = (text: string): number => {
  if (!pattern.test(text)) throw new RangeError(`not a duration: ${text}`);
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * (millisecondsOf[unit ?? ''] ?? 0);
  }
  // Thousandths have no exact sum in binary: 1.1 s are 1,100 ms and no more.
  return Math.ceil(Number(total.toFixed(3)));
};

/** Whole seconds of a Go duration, rounded up: a lifetime is never shorter than what was asked for. */
export const parseDurationSeconds = (text: string): number => Math.ceil(parseDurationMilliseconds(text) / 1_000);
