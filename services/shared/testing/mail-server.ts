import { once } from 'node:events';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

/** A message as it arrived: its envelope, its bytes, and what is in them. */
export type ReceivedMail = {
  readonly to: string;
  readonly raw: Buffer;
  readonly parsed: ParsedMail;
  /** The first address in its text that is a link. */
  readonly link: string | undefined;
};

export type TestMailServerOptions = {
  /** PEM; without it the server speaks no TLS at all. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** TLS from the first byte, instead of STARTTLS. */
  readonly implicitTls?: boolean;
  /** Demanded where given. */
  readonly password?: string;
  /** The server's word on a recipient, as `550` for one that it does not know; asked each time. */
  readonly refuse?: (to: string) => number | undefined;
  /** Gets each message before its sender is told that it was taken. */
  readonly onMail?: (mail: ReceivedMail) => void | Promise<void>;
};

export type TestMailServer = {
  readonly port: number;
  /** All messages, in the order in which they came. */
  readonly received: readonly ReceivedMail[];
  stop(): Promise<void>;
};

const replyOf = (status: number): Error => Object.assign(new Error('not taken'), { responseCode: status });

/** Takes a message apart. */
export const readMail = async (raw: Buffer): Promise<Pick<ReceivedMail, 'parsed' | 'link'>> => {
  const parsed = await simpleParser(raw);
  const [, link] = /^(https?:\/\/\S+)$/m.exec(parsed.text ?? '') ?? [];
  return { parsed, link };
};

/** A real SMTP server on loopback that keeps what it gets. */
export const startMailServer = async (options: TestMailServerOptions = {}): Promise<TestMailServer> => {
  const { tls, implicitTls = false, password, refuse = () => undefined, onMail = () => undefined } = options;
  const received: ReceivedMail[] = [];
  const server = new SMTPServer({
    secure: implicitTls,
    ...tls,
    disabledCommands: [...(tls === undefined ? ['STARTTLS'] : []), ...(password === undefined ? ['AUTH'] : [])],
    authOptional: password === undefined,
    // Tests look at what the client does about it.
    allowInsecureAuth: true,
    disableReverseLookup: true,
    onAuth: (auth, _session, callback) =>
      auth.password === password ? callback(null, { user: auth.username }) : callback(replyOf(535)),
    onRcptTo: ({ address }, _session, callback) => {
      const status = refuse(address);
      callback(status === undefined ? null : replyOf(status));
    },
    onData: (stream, session, callback) => {
      const read = async (): Promise<void> => {
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(chunk);
        const raw = Buffer.concat(chunks);
        const mail = { to: session.envelope.rcptTo[0]?.address ?? '', raw, ...(await readMail(raw)) };
        received.push(mail);
        await onMail(mail);
      };
      read().then(() => callback(), callback);
    },
  });
  server.on('error', () => undefined);
  const listener = server.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    received,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
};
