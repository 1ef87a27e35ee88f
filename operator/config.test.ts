import { describe, expect, it } from 'vitest';
import { parseConfig } from './config.ts';

const required = { SERVICES_IMAGE: 'identity-operator:0.1.0', SERVICES_VERSION: '0.1.0' };

describe('WATCH_NAMESPACES', () => {
  it.each([
    { text: undefined, namespaces: undefined },
    { text: '', namespaces: undefined },
    { text: ' , ', namespaces: undefined },
    { text: 'shop', namespaces: ['shop'] },
    { text: 'shop, bank,shop,', namespaces: ['shop', 'bank'] },
  ])('$text: $namespaces', ({ text, namespaces }) => {
    const environment = text === undefined ? required : { ...required, WATCH_NAMESPACES: text };
    expect(parseConfig(environment).WATCH_NAMESPACES).toEqual(namespaces);
  });

  it.each(['Shop', 'a/b', 'shop;bank', '*'])('%s is refused by its name', (text) => {
    expect(() => parseConfig({ ...required, WATCH_NAMESPACES: text })).toThrow(/WATCH_NAMESPACES/);
  });
});

describe('what tenants may name', () => {
  it('what tenants may name is JSON, and nothing is limited by default', () => {
    expect(parseConfig(required)).toMatchObject({
      ALLOWED_REGISTRIES: [],
      ALLOWED_PRIORITY_CLASSES: [],
      ALLOWED_ISSUERS: {},
    });
    expect(
      parseConfig({
        ...required,
        ALLOWED_REGISTRIES: '["registry.example.com"]',
        ALLOWED_ISSUERS: '{"shop":["https://*.shop.example"]}',
      }),
    ).toMatchObject({
      ALLOWED_REGISTRIES: ['registry.example.com'],
      ALLOWED_ISSUERS: { shop: ['https://*.shop.example'] },
    });
  });

  it.each([
    ['{', 'ALLOWED_REGISTRIES: is no JSON'],
    ['"registry.example.com"', 'ALLOWED_REGISTRIES: Invalid input: expected array'],
  ])('a limit that cannot be read keeps the operator from starting without it: %s', (text, message) => {
    expect(() => parseConfig({ ...required, ALLOWED_REGISTRIES: text })).toThrow(message);
  });
});
