import { type DestinationStream, type Logger, pino, stdSerializers, stdTimeFunctions } from 'pino';
import type { LogLevel } from './service-settings.ts';

const credentialHeaders = ['authorization', 'cookie', 'proxy-authorization', '["set-cookie"]'];
const redactedPaths = ['headers', 'req.headers', 'request.headers', 'res.headers', 'response.headers'].flatMap((at) =>
  credentialHeaders.map((header) => (header.startsWith('[') ? `${at}${header}` : `${at}.${header}`)),
);

/** Members of PostgreSQL's errors that quote rows and statements: "Failing row contains (...)", a password's hash in it. */
const quotingMembers: ReadonlySet<string> = new Set(['detail', 'where', 'hint', 'internalQuery']);

const serializeError = (error: Error): Record<string, unknown> =>
  Object.fromEntries(Object.entries(stdSerializers.err(error)).filter(([member]) => !quotingMembers.has(member)));

/**
 * JSON lines on stdout with `service`, a level by name and ISO time. Headers that hold credentials are redacted wherever
 * a `headers` object is logged, and what a database's error quotes is left out; everything else that is secret is not
 * handed to the logger in the first place.
 */
export const createLogger = (service: string, level: LogLevel, destination?: DestinationStream): Logger => {
  const options = {
    level,
    base: { service },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: serializeError },
    redact: { paths: redactedPaths, censor: '[redacted]' },
  };
  // Synchronous: at exit pino would write what is pending again and again to a pipe that nobody reads (EPIPE), for ever.
  return pino(options, destination ?? pino.destination({ dest: 1, sync: true }));
};

/** Sends what libraries print (oidc-provider's notices, for one) to the log, so that stdout stays JSON line by line. */
export const routeConsoleTo = (logger: Logger): void => {
  const text = (parts: unknown[]) => parts.map(String).join(' ');
  console.log = (...parts: unknown[]) => logger.info({ source: 'console' }, text(parts));
  console.info = console.log;
  console.debug = (...parts: unknown[]) => logger.debug({ source: 'console' }, text(parts));
  console.warn = (...parts: unknown[]) => logger.warn({ source: 'console' }, text(parts));
  console.error = (...parts: unknown[]) => logger.error({ source: 'console' }, text(parts));
};
