import { connect } from 'node:net';

/** What came back for bytes that were sent as they are. `status` 0: the connection ended without an answer. */
export type RawAnswer = { status: number; headers: Map<string, string>; head: string; body: string };

const parseAnswer = (text: string): RawAnswer => {
  const end = text.indexOf('\r\n\r\n');
  const head = end === -1 ? text : text.slice(0, end);
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { status: Number(statusLine.split(' ')[1] ?? 0), headers, head, body: end === -1 ? '' : text.slice(end + 4) };
};

/**
 * Sends bytes that no HTTP client would, and reads until the other side closes: say `Connection: close` in them.
 *
 * @param bytes latin1; throws when nothing ends the answer within 20 s
 */
export const sendRaw = (port: number, bytes: string): Promise<RawAnswer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    const deadline = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no end of the answer to ${JSON.stringify(bytes.slice(0, 200))}`));
    }, 20_000);
    // What is refused in the middle of its body may be reset; what had come before counts.
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('close', () => {
      clearTimeout(deadline);
      resolve(parseAnswer(Buffer.concat(chunks).toString('latin1')));
    });
  });
