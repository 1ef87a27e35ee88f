import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildBrandIcon, buildBrandStyle, contrast } from './brand.ts';

const colorsOf = (style: string): string[] => [...style.matchAll(/#[0-9a-f]{6}/g)].map(([color]) => color);

describe('buildBrandStyle', () => {
  it('keeps a colour that can be read', () => {
    expect(buildBrandStyle({ name: 'Acme', primaryColor: '#0050b3' })).toContain(
      '--accent:#0050b3;--on-accent:#ffffff',
    );
  });

  it('makes every colour readable as a link and under a button’s text, in light and in dark', () => {
    const channel = fc.integer({ min: 0, max: 255 }).map((part) => part.toString(16).padStart(2, '0'));
    fc.assert(
      fc.property(channel, channel, channel, (red, green, blue) => {
        const style = buildBrandStyle({ name: 'Acme', primaryColor: `#${red}${green}${blue}` });
        const [light = '', onLight = '', dark = '', onDark = ''] = colorsOf(style);
        expect(contrast(light, '#ffffff')).toBeGreaterThanOrEqual(4.5);
        expect(contrast(dark, '#1c1f26')).toBeGreaterThanOrEqual(4.5);
        expect(contrast(light, onLight)).toBeGreaterThanOrEqual(4.5);
        expect(contrast(dark, onDark)).toBeGreaterThanOrEqual(4.5);
      }),
    );
  });
});

describe('buildBrandIcon', () => {
  it.each([
    ['acme', '>A<'],
    ['<script>', '>S<'],
    ['&', '><'],
  ])('of %j shows %s', (name, expected) => {
    expect(buildBrandIcon({ name })).toContain(expected);
  });
});
