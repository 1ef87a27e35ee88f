import { readFile } from 'node:fs/promises';
import { createTransport, type SendMailOptions, type SMTPTransportOptions } from 'nodemailer';
import { parseSmtpUrl, type SmtpAddress } from '../../shared/contracts/smtp-url.ts';
import { readTrustedCertificates, type TrustSettings } from '../../shared/trusted-certificates.ts';
import type { Delivery } from '../outbox/outbox-worker.ts';

export type SmtpSettings = TrustSettings & { readonly urlFile: string };

/** Below the lease of an outbox event. nodemailer's own patience goes up to ten minutes. Milliseconds. */
const limits = { whole: 45_000, connect: 10_000, greeting: 10_000, silence: 20_000 };

const buildOptions = (address: SmtpAddress, ca: string[] | undefined): SMTPTransportOptions => {
  const { host, port, tls, verifyCertificate, username, password } = address;
  return {
    host,
    port,
    secure: tls === 'implicit',
    // Left alone, nodemailer goes on in plain text where a server does not offer STARTTLS, or somebody took it away.
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    tls: { minVersion: 'TLSv1.2', rejectUnauthorized: verifyCertificate, ...(ca !== undefined && { ca }) },
    ...(username !== undefined && { auth: { user: username, pass: password ?? '' } }),
    connectionTimeout: limits.connect,
    greetingTimeout: limits.greeting,
    socketTimeout: limits.silence,
    dnsTimeout: limits.connect,
    disableFileAccess: true,
    disableUrlAccess: true,
  };
};

/** The server's own number beside nodemailer's name for it: `EENVELOPE 550`. */
const describeError = (error: unknown): { code: string; status: number } => {
  if (!(error instanceof Error)) return { code: 'UNKNOWN', status: 0 };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
  const status = 'responseCode' in error && typeof error.responseCode === 'number' ? error.responseCode : 0;
  return { code: status === 0 ? code : `${code} ${status}`, status };
};

/** A server says 5xx for good (RFC 5321, 4.2.1). Of a wrong password that is not true: somebody will put it right. */
const isFinal = (code: string, status: number): boolean => status >= 500 && /^(EENVELOPE|EMESSAGE)/.test(code);

export type SmtpTransport = {
  /** Hands a message to the server; never throws. */
  send(message: SendMailOptions): Promise<Delivery>;
};

/** The files are read for each message: a changed password or server needs no restart, and mails are few. */
export const createSmtpTransport = (settings: SmtpSettings): SmtpTransport => ({
  send: async (message) => {
    const address = parseSmtpUrl(await readFile(settings.urlFile, 'utf8').catch(() => ''));
    if (address === undefined) return { outcome: 'failed', code: 'NO_SERVER_NAMED' };
    try {
      const transport = createTransport(buildOptions(address, await readTrustedCertificates(settings)));
      await transport.sendMail({ ...message, signal: AbortSignal.timeout(limits.whole) });
      return { outcome: 'delivered' };
    } catch (error) {
      const { code, status } = describeError(error);
      return { outcome: isFinal(code, status) ? 'impossible' : 'failed', code };
    }
  },
});
