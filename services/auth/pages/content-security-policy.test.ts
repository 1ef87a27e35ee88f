import { describe, expect, it } from 'vitest';
import { buildContentSecurityPolicy, sourceOf } from './content-security-policy.ts';

describe('sourceOf', () => {
  it.each([
    ['https://shop.example/callback?x=1', 'https://shop.example'],
    ['http://127.0.0.1:4000/cb', 'http://127.0.0.1:4000'],
    ['com.example.shop:/callback', 'com.example.shop:'],
    ['not an address', undefined],
  ])('%s: %s', (address, expected) => {
    expect(sourceOf(address)).toBe(expected);
  });
});

describe('buildContentSecurityPolicy', () => {
  it('forbids everything that is not named', () => {
    expect(buildContentSecurityPolicy({ formTargets: [], imageSources: [] })).toBe(
      "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
  });

  it('names origins once, the first twenty', () => {
    const formTargets = ['https://a.example/1', 'https://a.example/2', 'com.example.shop:/cb'];
    expect(buildContentSecurityPolicy({ formTargets, imageSources: ['https://cdn.example/logo.svg'] })).toContain(
      "img-src 'self' https://cdn.example; form-action 'self' https://a.example com.example.shop:;",
    );
    const many = Array.from({ length: 100 }, (_, n) => `https://n${n}.example/cb`);
    const policy = buildContentSecurityPolicy({ formTargets: many, imageSources: [] });
    expect(policy.match(/https:/g)).toHaveLength(20);
  });

  it('lets in what a directive could be broken with as an origin only', () => {
    const policy = buildContentSecurityPolicy({
      formTargets: ["https://a.example/; script-src 'unsafe-inline'"],
      imageSources: [],
    });
    expect(policy).not.toContain('script-src');
  });
});
