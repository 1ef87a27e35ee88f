import { createHash } from 'node:crypto';
import { decodeJwt } from 'jose';
import { listServices, type ServiceAnswer } from './relying-party.ts';
import type { Session } from './sessions.ts';

/** Text that is HTML already. */
class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

type Value = string | Html | readonly Html[];

const toText = (value: Value): string => {
  if (value instanceof Html) return value.text;
  if (typeof value === 'string') return value.replace(/[&<>"']/g, (character) => entities[character] ?? '');
  return value.map(({ text }) => text).join('');
};

/** A template in which every value is text, unless it comes from another template. */
const html = (strings: TemplateStringsArray, ...values: readonly Value[]): Html =>
  new Html(strings.map((part, index) => part + toText(values[index] ?? '')).join(''));

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, "Liberation Sans", sans-serif; }
body { max-width: 46rem; margin: 3rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-top: 1px solid #8884; }
th { font-weight: 600; width: 9rem; }
td { overflow-wrap: anywhere; font-family: ui-monospace, "Liberation Mono", monospace; }
form { display: inline-block; margin: 1rem .5rem 0 0; }
button { font: inherit; padding: .45rem 1rem; border: 1px solid #0b5cad; border-radius: .4rem; background: none; color: inherit; cursor: pointer; }
button.main { background: #0b5cad; color: #fff; }
.notice { border-left: 4px solid #0b5cad; padding: .25rem .75rem; }
`;

/** What the pages may do: their style and their forms, which lead to the issuer in the end. */
export const buildContentSecurityPolicy = (issuer: string): string => {
  const hash = createHash('sha256').update(style).digest('base64');
  return `default-src 'none'; style-src 'sha256-${hash}'; form-action 'self' ${new URL(issuer).origin}; base-uri 'none'; frame-ancestors 'none'`;
};

const buildPage = (title: string, notice: string | undefined, content: Html): string =>
  html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>${new Html(style)}</style></head>
<body>
<main>
<h1>${title}</h1>
${notice === undefined ? '' : html`<p class="notice" role="status">${notice}</p>`}
${content}
</main>
</body>
</html>
`.text;

const button = (action: string, label: string, main = ''): Html =>
  html`<form method="post" action="${action}"><button class="${main}">${label}</button></form>`;

/** Names of claims whose numbers are seconds since 1970. */
const times = new Set(['iat', 'exp', 'nbf', 'auth_time']);

const formatClaim = (name: string, value: unknown): string => {
  if (typeof value === 'string') return value;
  if (times.has(name) && typeof value === 'number') return `${value} (${new Date(value * 1_000).toISOString()})`;
  return JSON.stringify(value);
};

const claimsTable = (claims: object): Html =>
  html`<table>${Object.entries(claims).map(
    ([name, value]) => html`<tr><th scope="row">${name}</th><td>${formatClaim(name, value)}</td></tr>`,
  )}</table>`;

const serviceTable = (answer: ServiceAnswer): Html =>
  html`<table>${listServices(answer).map(
    ({ service, subject = '' }) =>
      html`<tr><th scope="row">service ${service.toUpperCase()}</th><td>verified subject ${subject}</td></tr>`,
  )}</table>`;

/** The only page but {@link buildSignedOutPage}: it leads to the sign-in, or shows who is signed in. */
export const buildHomePage = (
  { issuer, clientId }: { readonly issuer: string; readonly clientId: string },
  { tokens, serviceAnswer, notice }: Session,
): string => {
  if (tokens === undefined) {
    const welcome = html`<p>This is the application ${clientId}. It knows nobody by itself: ${issuer} signs people in.</p>
${button('/sign-in', 'Sign in', 'main')}`;
    return buildPage('Example application', notice, welcome);
  }
  const claims = tokens.claims() ?? {};
  const { email, name, sub } = { email: undefined, name: undefined, sub: '', ...claims };
  return buildPage(
    'Example application',
    notice,
    html`<p>Signed in as <strong>${String(name ?? email ?? sub)}</strong> by ${issuer}</p>
${button('/call', 'Call A → B → C', 'main')}${button('/refresh', 'Refresh the tokens')}${button('/sign-out', 'Sign out')}
${serviceAnswer === undefined ? '' : html`<h2>Services, each with the user's own token</h2>${serviceTable(serviceAnswer)}`}
<h2>ID token: for this application</h2>${claimsTable(claims)}
<h2>Access token: for the services, an application only carries it</h2>${claimsTable(decodeJwt(tokens.access_token))}`,
  );
};

/** Where the issuer sends the browser after a sign-out. */
export const buildSignedOutPage = (): string =>
  buildPage(
    'Signed out',
    undefined,
    html`<p>Here, and at the issuer.</p>${button('/sign-in', 'Sign in again', 'main')}`,
  );

/** Something went wrong, in one sentence. */
export const buildFailurePage = (sentence: string): string =>
  buildPage('That did not work', sentence, html`<p><a href="/">Begin again</a></p>`);
