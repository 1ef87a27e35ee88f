import type { RawAnswer } from '../testing/raw-request.ts';

const parseObject = (text: string): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
};

const describeRedirect = (location: string): string => {
  const url = new URL(location, 'https://id.shop.example');
  if (url.host === 'id.shop.example') return url.pathname.split('/').slice(0, 3).join('/');
  const answer = new URLSearchParams(url.search || url.hash.slice(1));
  return `${url.origin} ${answer.get('error') ?? [...answer.keys()].join(' ')}`;
};

/**
 * An answer in a few words, the form of the corpus's third column: the status, then one of
 * `problem TYPE` (problem+json), `oauth ERROR` (JSON with an error), `json` (without one), `active` and `inactive`
 * (introspection), `page` (HTML), `to ADDRESS` (a redirect, with the error that it carries to an application), `empty`, `bare`
 * (Node's own refusal of what is no HTTP).
 */
export const describeAnswer = ({ status, headers, body }: RawAnswer): string => {
  const location = headers.get('location');
  const type = headers.get('content-type') ?? '';
  if (location !== undefined) return `${status} to ${describeRedirect(location)}`;
  if (type === '') return `${status} bare`;
  if (body === '') return `${status} empty`;
  if (type === 'text/html; charset=utf-8') return `${status} page`;
  if (type === 'application/problem+json') {
    return `${status} problem ${String(parseObject(body)['type']).replace('urn:identity-operator:problem:', '')}`;
  }
  if (/^application\/(jwk-set\+)?json/.test(type)) {
    const { error, active } = parseObject(body);
    if (error !== undefined) return `${status} oauth ${String(error)}`;
    return `${status} ${active === undefined ? 'json' : active === true ? 'active' : 'inactive'}`;
  }
  return `${status} ${type}`;
};

/** What an answer may never tell, whatever was sent: how it is made, of what, and where it runs. */
const leaks: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a stack', /\n\s+at |\.[cm]?[jt]s:\d|node_modules|node:internal/],
  ['a message of the runtime', /TypeError|ReferenceError|RangeError|SyntaxError|Cannot read propert|is not a function/],
  ['SQL', /\b(select|insert|update|delete) .*\b(from|into|set)\b|syntax error|violates|relation "|token_store\./i],
  ['a product', /x-powered-by|oidc-provider|\bkoa\b|\bexpress\b|\bjose\b|undici|postgres|node-pg|\bzod\b|\bpino\b/i],
  ['an inner address', /127\.0\.0\.\d|localhost|token-store|\.svc\b|ECONN|EPIPE/],
  ['an inner path', /\/tmp\/|\/home\/|\/root\/|file:\/\//],
  ['a header of the sender’s making', /\r\n(set-cookie: a=b|x-injected)/i],
];

/** The leaks in an answer, none as it should be. `secrets`: texts that nobody may be told. */
export const findLeaks = ({ head, body }: RawAnswer, secrets: readonly string[]): string[] => {
  const text = `${head}\n${body}`;
  return [
    ...leaks.filter(([, pattern]) => pattern.test(text)).map(([what]) => what),
    ...secrets.filter((secret) => text.includes(secret)).map((secret) => `the secret ${secret.slice(0, 4)}…`),
  ];
};
