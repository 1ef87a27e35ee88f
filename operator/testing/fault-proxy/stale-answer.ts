import type { ApiCall } from './api-call.ts';

/**
 * The query of a collection as of an earlier resourceVersion, which etcd still knows. A single object has none of its
 * own: it is asked for as a list of one.
 */
export const buildStaleUrl = (url: URL, { verb, name }: ApiCall, resourceVersion: string): URL => {
  const stale = new URL(url);
  if (verb === 'get' && name !== undefined) {
    stale.pathname = stale.pathname.slice(0, stale.pathname.lastIndexOf('/'));
    stale.searchParams.set('fieldSelector', `metadata.name=${name}`);
  }
  // A further page says by itself as of when it is.
  if (stale.searchParams.has('continue')) return stale;
  stale.searchParams.set('resourceVersion', resourceVersion);
  stale.searchParams.set('resourceVersionMatch', 'Exact');
  return stale;
};

/** The answer to a get, out of the list of one that was asked for in its place. */
export const readStaleObject = (list: string): { readonly status: number; readonly body: string } => {
  // What the API server answers to a list.
  const { apiVersion, kind, items } = JSON.parse(list) as { apiVersion: string; kind: string; items: object[] | null };
  const [item] = items ?? [];
  if (item === undefined) {
    const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason: 'NotFound', code: 404 };
    return { status: 404, body: JSON.stringify(body) };
  }
  return { status: 200, body: JSON.stringify({ apiVersion, kind: kind.replace(/List$/, ''), ...item }) };
};
