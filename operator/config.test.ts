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
