import { type DestinationStream, type Logger, pino } from 'pino';

/** What is logged of an error: never properties of its own kind, which may quote input (`TypeError.input` of a URL). */
const describeError = (error: unknown): Record<string, unknown> => {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, message, stack, cause } = error;
  const known = error as { code?: unknown; status?: unknown; reason?: unknown };
  return {
    type: name,
    message,
    stack,
    code: known.code,
    status: known.status,
    reason: known.reason,
    ...(cause === undefined ? {} : { cause: describeError(cause) }),
  };
};

/** The operator's log: JSON lines on standard output, or where a test reads them. */
export const createOperatorLogger = (level: string, destination?: DestinationStream): Logger => {
  const options = { level, base: { service: 'operator' }, serializers: { err: describeError } };
  // Synchronous: at exit pino would write what is pending again and again to a pipe that nobody reads (EPIPE), for ever.
  return pino(options, destination ?? pino.destination({ dest: 1, sync: true }));
};
