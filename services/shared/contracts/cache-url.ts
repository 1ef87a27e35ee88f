/** Where a cache is, as a URL says. */
export type CacheAddress = {
  /** One server; a master that Sentinels name; or the nodes of a Cluster. */
  readonly mode: 'single' | 'sentinel' | 'cluster';
  readonly tls: boolean;
  /** The server, the Sentinels, or some nodes of the Cluster. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly username?: string;
  readonly password?: string;
  readonly database: number;
  /** Name of the master, as the Sentinels have it. */
  readonly masterName?: string;
};

const schemePattern = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/;
const hostPattern = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?$/;
const databasePattern = /^[0-9]{1,4}$/;

const defaultPorts = { single: 6379, sentinel: 26_379, cluster: 6379 } as const;

const decode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
};

const parseHosts = (text: string, defaultPort: number): CacheAddress['hosts'] | undefined => {
  const hosts = text.split(',').map((part) => {
    const match = hostPattern.exec(part);
    const port = match?.[2] === undefined ? defaultPort : Number(match[2]);
    return match?.[1] === undefined || port < 1 || port > 65_535
      ? undefined
      : { host: match[1].replace(/^\[(.*)\]$/, '$1'), port };
  });
  return hosts.every((host) => host !== undefined) ? hosts : undefined;
};

/** What stands before the `@`: `user:password`, or `:password`. */
const parseCredentials = (text: string): Pick<CacheAddress, 'username' | 'password'> | undefined => {
  const colon = text.indexOf(':');
  const username = decode(colon === -1 ? text : text.slice(0, colon));
  const password = decode(colon === -1 ? '' : text.slice(colon + 1));
  if (username === undefined || password === undefined) return undefined;
  return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) };
};

/** The path: `/<database>`, and before it, with Sentinels, `/<name of the master>`. */
const parsePath = (
  mode: CacheAddress['mode'],
  path: string,
): Pick<CacheAddress, 'database' | 'masterName'> | undefined => {
  const parts = path === '' ? [] : path.split('/');
  const masterName = mode === 'sentinel' ? decode(parts.shift() ?? '') : undefined;
  if (mode === 'sentinel' && (masterName === undefined || masterName === '')) return undefined;
  const [database = '0', ...rest] = parts;
  if (!databasePattern.test(database) || rest.length > 0) return undefined;
  // A Cluster has one database.
  if (mode === 'cluster' && database !== '0') return undefined;
  return { database: Number(database), ...(masterName === undefined ? {} : { masterName }) };
};

/**
 * Parses the URL of a Redis or Valkey: `redis://user:password@host:6379/0`, `redis+sentinel://host1,host2:26379/master/0`,
 * `redis+cluster://host1,host2`, each as `rediss` with TLS. undefined for what is none; never an error, which would hold
 * the password.
 */
export const parseCacheUrl = (text: string): CacheAddress | undefined => {
  const match = schemePattern.exec(text.trim());
  if (match === null) return undefined;
  const [, scheme, kind, credentialsText = '', hostsText = '', path = ''] = match;
  const mode = kind === 'sentinel' || kind === 'cluster' ? kind : 'single';
  const hosts = parseHosts(hostsText, defaultPorts[mode]);
  const credentials = parseCredentials(credentialsText);
  const place = parsePath(mode, path);
  if (hosts === undefined || credentials === undefined || place === undefined) return undefined;
  if (mode === 'single' && hosts.length !== 1) return undefined;
  return { mode, tls: scheme === 'rediss', hosts, ...credentials, ...place };
};
