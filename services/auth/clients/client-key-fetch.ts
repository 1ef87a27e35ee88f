import { Agent, fetch } from 'undici';
import { readTrustedCertificates, type TrustSettings } from '../../shared/trusted-certificates.ts';
import { type AddressScope, createAddressGuard } from '../outgoing/address-guard.ts';

/** Twenty RSA keys with certificate chains fit. */
const maxBytes = 131_072;
/** A shorter life would make a request of each sign-in; a longer one would keep a key that was taken away. Seconds. */
const life = { shortest: 60, longest: 3600 };

/** How long the answer is used, by its `Cache-Control`. Seconds. */
export const decideKeyLife = (cacheControl: string | null): number => {
  const [, seconds] = /(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])/i.exec(cacheControl ?? '') ?? [];
  return Math.min(life.longest, Math.max(life.shortest, Number(seconds ?? 0)));
};

const readBounded = async (response: Awaited<ReturnType<typeof fetch>>): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new Error(`more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

export type FetchClientKeys = (url: string | URL | Request, init?: globalThis.RequestInit) => Promise<Response>;

/**
 * How a client's `jwks_uri` is fetched: by https, from an address within the scope, without following redirects, within
 * the time of `init.signal`, and with a bounded answer. oidc-provider keeps the keys for as long as the answer says.
 * @returns what the provider takes for `fetch`. Rejects when there is no answer of that kind
 */
export const createClientKeyFetch = ({
  addresses,
  ...trust
}: TrustSettings & { readonly addresses: AddressScope }): FetchClientKeys => {
  const guard = createAddressGuard(addresses);
  return async (target, init) => {
    const url = new URL(target instanceof Request ? target.url : target);
    if (url.protocol !== 'https:') throw new Error('not https');
    if (guard.forbids(url.hostname)) throw new Error('an address that is not public');
    const ca = await readTrustedCertificates(trust);
    // One a fetch, which is rare: trust bundles are followed without a restart.
    const dispatcher = new Agent({ connect: { lookup: guard.lookup, ...(ca !== undefined && { ca }) } });
    try {
      const response = await fetch(url, {
        signal: init?.signal ?? null,
        headers: { accept: 'application/json' },
        redirect: 'error',
        dispatcher,
      });
      const body = await readBounded(response);
      const seconds = decideKeyLife(response.headers.get('cache-control'));
      return new Response(new Uint8Array(body), {
        status: response.status,
        headers: { 'cache-control': `max-age=${seconds}` },
      });
    } finally {
      await dispatcher.destroy();
    }
  };
};
