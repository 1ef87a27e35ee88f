import { type Logger, pino, stdTimeFunctions } from 'pino';
import type { LogLevel } from './service-settings.ts';

const credentialHeaders = ['authorization', 'cookie', 'proxy-authorization', '["set-cookie"]'];
const redactedPaths = ['headers', 'req.headers', 'request.headers', 'res.headers', 'response.headers'].flatMap((at) =>
  credentialHeaders.map((header) => (header.startsWith('[') ? `${at}${header}` : `${at}.${header}`)),
);

/**
 * JSON lines on stdout with `service`, a level by name and ISO time. Headers that hold credentials are redacted wherever
 * a `headers` object is logged; everything else that is secret is not handed to the logger in the first place.
 */
export const createLogger = (service: string, level: LogLevel): Logger =>
  pino({
    level,
    base: { service },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: redactedPaths, censor: '[redacted]' },
  });

/** Sends what libraries print (oidc-provider's notices, for one) to the log, so that stdout stays JSON line by line. */
export const routeConsoleTo = (logger: Logger): void => {
  const text = (parts: unknown[]) => parts.map(String).join(' ');
  console.log = (...parts: unknown[]) => logger.info({ source: 'console' }, text(parts));
  console.info = console.log;
  console.debug = (...parts: unknown[]) => logger.debug({ source: 'console' }, text(parts));
  console.warn = (...parts: unknown[]) => logger.warn({ source: 'console' }, text(parts));
  console.error = (...parts: unknown[]) => logger.error({ source: 'console' }, text(parts));
};
