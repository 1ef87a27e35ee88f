import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LiveObject } from './kubernetes-object.ts';
import { isSameContent, packObject, versionOf } from './packed-object.ts';

type Thing = LiveObject & { readonly spec?: unknown; readonly data?: unknown };

const thing = (name: string, fields: Record<string, unknown>, namespace = 'shop'): Thing => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name,
    namespace,
    uid: `uid-${name}`,
    resourceVersion: '7',
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { app: 'identity' },
    ownerReferences: [{ apiVersion: 'v1', kind: 'Owner', name: 'acme', uid: 'o1' }],
  },
  ...fields,
});

describe('a packed object', () => {
  test('reads as it was', () => {
    const spec = {
      template: { name: 'acme-auth-0123456789ab', at: '2026-11-25T03:44:56Z' },
      uid: '1a2b3c4d-0000-4000-8000-0123456789ab',
      addresses: ['10.0.0.1', 'acme.shop.svc'],
      odd: '\u0001\u0002\u0003\u0004 "quoted" $& $1',
    };
    const packed = packObject(thing('acme-auth', { spec, data: null }), ['acme', 'shop', 'o1']);
    expect(packed.spec).toEqual(spec);
    expect(packed.data).toBeNull();
    expect(packed.metadata).toEqual(thing('acme-auth', {}).metadata);
    expect([packed.kind, packed.apiVersion]).toEqual(['Deployment', 'apps/v1']);
    expect('spec' in packed).toBe(true);
    expect('status' in packed).toBe(false);
  });

  test('whatever is in it, and whatever words it is packed with', () => {
    const word = fc.oneof(
      fc.string({ maxLength: 3 }),
      fc.constantFrom('a', '1', '$&', '"', 'acme', '\u0001', '\u000e'),
    );
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.array(word, { maxLength: 3 }), (value, label, repeated) => {
        const { spec, annotations } = JSON.parse(JSON.stringify({ spec: { value }, annotations: { label } }));
        const object = thing('x', { spec });
        const packed = packObject({ ...object, metadata: { ...object.metadata, annotations } }, repeated);
        expect(packed.spec).toEqual(spec);
        expect(packed.metadata).toEqual({ ...object.metadata, annotations });
      }),
    );
  });

  test('holds as it is what is to be kept', () => {
    const entries = { 'tls.crt': 'a certificate' };
    const packed = packObject(thing('acme-auth', { type: 'Opaque' }), ['acme'], { entries });
    expect(packed.entries).toBe(entries);
    expect('entries' in packed).toBe(true);
    expect(packObject(thing('acme-auth', { type: 'Opaque' }), ['acme'])).not.toHaveProperty('entries');
  });

  test('tells its version', () => {
    const object = thing('acme-auth', { spec: 1 });
    const version = { uid: object.metadata.uid, resourceVersion: '7' };
    expect([versionOf(packObject(object, ['acme'])), versionOf(object), versionOf({ metadata: {} })]).toEqual([
      version,
      version,
      undefined,
    ]);
  });

  test('is compared by its content, whatever its version', () => {
    const version = (resourceVersion: string, fields: Record<string, unknown>): Thing => {
      const { metadata, ...rest } = thing('acme-auth', fields);
      return { ...rest, metadata: { ...metadata, resourceVersion } };
    };
    const pack = (object: Thing) => packObject(object, ['acme'], { entries: object.data });
    for (const same of [pack, (object: Thing) => object]) {
      const one = same(version('1', { spec: { at: '2026-01-01T00:00:00Z' } }));
      expect(isSameContent(one, same(version('2', { spec: { at: '2026-01-01T00:00:00Z' } })))).toBe(true);
      expect(isSameContent(one, same(version('2', { spec: { at: '2026-01-01T00:00:01Z' } })))).toBe(false);
      expect(isSameContent(one, same(version('2', { spec: {}, status: {} })))).toBe(false);
      expect(isSameContent(one, same({ ...version('2', {}), data: { at: '2026-01-01T00:00:00Z' } }))).toBe(false);
      expect(isSameContent(one, same(version('1', { spec: { at: '2026-01-01T00:00:00Z' }, data: 'new' })))).toBe(false);
      const { metadata, ...rest } = version('2', { spec: { at: '2026-01-01T00:00:00Z' } });
      expect(isSameContent(one, same({ ...rest, metadata: { ...metadata, labels: {} } }))).toBe(false);
    }
  });
});
