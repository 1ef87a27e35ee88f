import { texts } from '../pages/texts.ts';

/** How long to wait, in words for a person. */
export const describeThrottling = (retryAfterSeconds: number): string =>
  texts.errors.throttled(Math.max(1, Math.ceil(retryAfterSeconds / 60)));
