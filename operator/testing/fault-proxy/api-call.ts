/** What a request to the API server asks for, in Kubernetes' own verbs; `apply` is a PATCH by server-side apply. */
export type ApiVerb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'apply' | 'delete';

/** One request to the API server. */
export type ApiCall = {
  readonly verb: ApiVerb;
  /** Plural: `deployments`. Empty for what is no resource, such as discovery. */
  readonly resource: string;
  readonly subresource?: string;
  /** Absent for cluster-scoped resources, and for a collection over all namespaces. */
  readonly namespace?: string;
  /** Of a creation too, out of its body. */
  readonly name?: string;
  /** A watch that begins with a list (`sendInitialEvents`). */
  readonly isListing?: true;
};

const collectionPattern =
  /^\/(?:api\/[^/]+|apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/(.+))?$/;
// `/api/v1/namespaces/shop` is an object, not a collection in a namespace.
const namespacePattern = /^\/api\/v1\/namespaces(?:\/([^/]+))?$/;

const readName = (body: string): string | undefined => {
  // The parse boundary of what a client sends; anything but an object has no name.
  const { metadata } = JSON.parse(body) as { metadata?: { name?: string } };
  return metadata?.name;
};

const verbOf = (method: string, isNamed: boolean, url: URL, contentType: string): ApiVerb => {
  switch (method) {
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return contentType.includes('apply-patch') ? 'apply' : 'patch';
    case 'DELETE':
      return 'delete';
    default:
      if (isNamed) return 'get';
      return url.searchParams.get('watch') === 'true' ? 'watch' : 'list';
  }
};

/** Reads what a request asks for out of its line, its content type and, for a creation's name, its body. */
export const parseApiCall = (request: {
  readonly method: string;
  readonly url: URL;
  readonly contentType: string;
  readonly body: string;
}): ApiCall => {
  const { method, url, contentType, body } = request;
  const [, onlyNamespace] = namespacePattern.exec(url.pathname) ?? [];
  const [, namespace, resource = '', named, subresource] = namespacePattern.test(url.pathname)
    ? ['', undefined, 'namespaces', onlyNamespace, undefined]
    : (collectionPattern.exec(url.pathname) ?? []);
  const verb = verbOf(method, named !== undefined || resource === '', url, contentType);
  const name = named ?? (verb === 'create' && body !== '' ? readName(body) : undefined);
  return {
    verb,
    resource,
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(verb === 'watch' && url.searchParams.get('sendInitialEvents') === 'true' ? { isListing: true } : {}),
  };
};

const readingVerbs: ReadonlySet<ApiVerb> = new Set<ApiVerb>(['get', 'list', 'watch']);

/** Whether a call changes something; what keeps a Lease does not count. */
export const isWrite = ({ verb, resource }: ApiCall): boolean => !readingVerbs.has(verb) && resource !== 'leases';

/** `apply identitytenants/acme/status` */
export const describeCall = ({ verb, resource, name, subresource }: ApiCall): string =>
  `${verb} ${[resource, name, subresource].filter((part) => part !== undefined).join('/')}`;
