import { type Dispatcher, fetch, type RequestInit } from 'undici';

/** Sends a request for the issuer to one of several auth processes, as the gateway does. */
export type Send = (url: URL, init: RequestInit) => ReturnType<typeof fetch>;

/** `ports` are tried in turn; `dispatcher` speaks mTLS as the gateway, or plaintext to whoever else. */
export const createSend = (dispatcher: Dispatcher, ports: () => readonly number[], scheme = 'https'): Send => {
  let turn = 0;
  return (url, init) => {
    const all = ports();
    const port = all[turn++ % all.length];
    return fetch(new URL(`${url.pathname}${url.search}`, `${scheme}://127.0.0.1:${port}`), {
      ...init,
      dispatcher,
      redirect: 'manual',
    });
  };
};

export type Form = { action: string; fields: Record<string, string> };

/** What a person sees: where, the answer's status, and the page. */
export type Page = { url: URL; status: number; html: string; headers: Headers; forms: Form[] };

type Cookie = { name: string; value: string; path: string };

const unescapeHtml = (text: string): string =>
  text
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

const attribute = (tag: string, name: string): string | undefined => {
  const [, value] = new RegExp(` ${name}="([^"]*)"`).exec(tag) ?? [];
  return value === undefined ? undefined : unescapeHtml(value);
};

const readForms = (html: string): Form[] =>
  [...html.matchAll(/<form[^>]*>[\s\S]*?<\/form>/g)].map(([form]) => ({
    action: attribute(form.slice(0, form.indexOf('>')), 'action') ?? '',
    fields: Object.fromEntries(
      [...form.matchAll(/<input[^>]*>/g)].map(([input]) => [
        attribute(input, 'name') ?? '',
        attribute(input, 'value') ?? '',
      ]),
    ),
  }));

/** A browser without script: cookies with their paths, redirects, forms. Stops where the issuer ends. */
export type Browser = {
  open(address: URL | string): Promise<Page>;
  submit(page: Page, values: Record<string, string>, form?: Form): Promise<Page>;
  cookies(): Cookie[];
  clearCookies(): void;
};

export const createBrowser = (issuer: string, send: Send): Browser => {
  const jar = new Map<string, Cookie>();

  const keep = (setCookie: string): void => {
    const [pair = '', ...attributes] = setCookie.split(';').map((part) => part.trim());
    const at = pair.indexOf('=');
    const path = attributes.find((part) => /^path=/i.test(part))?.slice('path='.length) ?? '/';
    const cookie = { name: pair.slice(0, at), value: pair.slice(at + 1), path };
    const expired = attributes.some((part) => /^expires=.*1970/i.test(part));
    if (expired || cookie.value === '') jar.delete(`${cookie.name} ${path}`);
    else jar.set(`${cookie.name} ${path}`, cookie);
  };
  const cookieHeader = (path: string): string =>
    [...jar.values()]
      .filter(
        (cookie) =>
          path === cookie.path || path.startsWith(cookie.path.endsWith('/') ? cookie.path : `${cookie.path}/`),
      )
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');

  const visit = async (url: URL, init: RequestInit): Promise<Page> => {
    if (url.origin !== new URL(issuer).origin) return { url, status: 0, html: '', headers: new Headers(), forms: [] };
    const headers = new Headers({
      accept: 'text/html',
      ...Object.fromEntries(
        new Headers(Object.entries(init.headers ?? {}).map(([name, value]) => [name, String(value)])),
      ),
    });
    headers.set('cookie', cookieHeader(url.pathname));
    headers.set('user-agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0');
    const response = await send(url, { ...init, headers: Object.fromEntries(headers) });
    for (const cookie of response.headers.getSetCookie()) keep(cookie);
    const location = response.headers.get('location');
    const html = await response.text();
    if (location !== null) return visit(new URL(location, url), { method: 'GET' });
    return { url, status: response.status, html, headers: new Headers([...response.headers]), forms: readForms(html) };
  };

  return {
    open: (address) => visit(new URL(address, issuer), { method: 'GET' }),
    submit: (page, values, form = page.forms[0]) => {
      if (form === undefined) throw new Error(`no form at ${page.url}: ${page.status} ${page.html}`);
      return visit(new URL(form.action, page.url), {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ ...form.fields, ...values }).toString(),
      });
    },
    cookies: () => [...jar.values()],
    clearCookies: () => jar.clear(),
  };
};
