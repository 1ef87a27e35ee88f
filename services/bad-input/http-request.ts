/** Requests byte by byte (latin1), as `sendRaw` sends them; nothing in them is put right. */

const formType = 'Content-Type: application/x-www-form-urlencoded';

export const head = (method: string, target: string, ...headers: string[]): string =>
  [`${method} ${target} HTTP/1.1`, 'Host: id.shop.example', 'Connection: close', ...headers, '', ''].join('\r\n');

export const get = (target: string, ...headers: string[]): string => head('GET', target, ...headers);

/** With a body of whatever type the headers say. */
export const send = (method: string, target: string, body: string, ...headers: string[]): string =>
  head(method, target, `Content-Length: ${body.length}`, ...headers) + body;

export const form = (target: string, body: string, ...headers: string[]): string =>
  send('POST', target, body, formType, ...headers);

/** A form whose charset is another than the one that forms have. */
export const formIn = (charset: string, target: string, body: string, ...headers: string[]): string =>
  send('POST', target, body, `${formType}; charset=${charset}`, ...headers);

/** `chunks` are written as they are, with their lengths. */
export const chunked = (target: string, ...chunks: string[]): string =>
  `${head('POST', target, formType, 'Transfer-Encoding: chunked')}${chunks.join('')}`;

/** `credentials` as `id:secret`, not encoded beforehand. */
export const basicOf = (credentials: string): string =>
  `Authorization: Basic ${Buffer.from(credentials).toString('base64')}`;

export const query = (parameters: Record<string, string>): string => new URLSearchParams(parameters).toString();
