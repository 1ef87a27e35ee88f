import { describe, expect, it } from 'vitest';
import type { KubernetesClient } from '../../runtime/kubernetes-client.ts';
import type { LiveObject } from '../../runtime/kubernetes-object.ts';
import { createReferencedContent } from './referenced-content.ts';

const signal = new AbortController().signal;
const encode = (text: string): string => Buffer.from(text).toString('base64');

/** An API server that holds what is put into it, and counts how often it is asked. */
const createServer = () => {
  const objects = new Map<string, LiveObject & { readonly data: Record<string, string> }>();
  const asked: string[] = [];
  const put = (kind: 'Secret' | 'ConfigMap', name: string, version: number, data: Record<string, string>) => {
    const metadata = { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: `${version}` };
    objects.set(`${kind}/${name}`, { apiVersion: 'v1', kind, metadata, data });
    return { kind, namespace: 'shop', name, uid: metadata.uid, resourceVersion: metadata.resourceVersion };
  };
  const client = {
    get: async ({ resource, name }: { resource: { kind: string }; name: string }) => {
      asked.push(`${resource.kind}/${name}`);
      return objects.get(`${resource.kind}/${name}`);
    },
    // A fake of one verb; its answer is of the kind that is asked for.
  } as unknown as Pick<KubernetesClient, 'get'>;
  return { client, asked, put, remove: (key: string) => objects.delete(key) };
};

describe('content of what a spec names', () => {
  it('is asked for once a version', async () => {
    const server = createServer();
    const content = createReferencedContent(server.client);
    const first = server.put('Secret', 'db', 1, { url: encode('postgres://one') });
    expect((await content.read(first, signal))?.entries).toEqual({ url: 'postgres://one' });
    expect((await content.read(first, signal))?.entries).toEqual({ url: 'postgres://one' });
    expect(server.asked).toHaveLength(1);
    const second = server.put('Secret', 'db', 2, { url: encode('postgres://two') });
    expect((await content.read(second, signal))?.entries).toEqual({ url: 'postgres://two' });
    await content.read(second, signal);
    expect(server.asked).toHaveLength(2);
  });

  it('of one made anew under the same name and version is another', async () => {
    const server = createServer();
    const content = createReferencedContent(server.client);
    const request = server.put('Secret', 'db', 1, {});
    await content.read(request, signal);
    await content.read({ ...request, uid: 'another' }, signal);
    expect(server.asked).toHaveLength(2);
  });

  it('that is newer than the caches is not asked for again when they have come so far', async () => {
    const server = createServer();
    const content = createReferencedContent(server.client);
    const first = server.put('ConfigMap', 'ca', 1, { 'ca.crt': 'one' });
    const second = server.put('ConfigMap', 'ca', 2, { 'ca.crt': 'two' });
    expect((await content.read(first, signal))?.entries).toEqual({ 'ca.crt': 'two' });
    await content.read(second, signal);
    expect(server.asked).toHaveLength(1);
  });

  it('that is gone is none, and is not remembered', async () => {
    const server = createServer();
    const content = createReferencedContent(server.client);
    const request = server.put('Secret', 'db', 1, {});
    await content.read(request, signal);
    server.remove('Secret/db');
    expect(await content.read({ ...request, resourceVersion: '2' }, signal)).toBeUndefined();
    expect(await content.read(request, signal)).toBeUndefined();
    server.put('Secret', 'db', 3, {});
    expect(await content.read({ ...request, resourceVersion: '3' }, signal)).toMatchObject({ uid: request.uid });
  });

  it('takes up no more room than it may, and of a ConfigMap and a Secret of one name neither for the other', async () => {
    const server = createServer();
    const content = createReferencedContent(server.client, 1_000);
    const large = ['a', 'b', 'c'].map((name) => server.put('Secret', name, 1, { text: encode('x'.repeat(400)) }));
    for (const request of large) await content.read(request, signal);
    server.asked.length = 0;
    for (const request of large.toReversed()) await content.read(request, signal);
    expect(server.asked).toEqual(['Secret/a']);
    const secret = server.put('Secret', 'same', 1, { text: encode('secret') });
    const configMap = server.put('ConfigMap', 'same', 1, { text: 'plain' });
    expect((await content.read(secret, signal))?.entries).toEqual({ text: 'secret' });
    expect((await content.read({ ...configMap, uid: secret.uid }, signal))?.entries).toEqual({ text: 'plain' });
  });
});
