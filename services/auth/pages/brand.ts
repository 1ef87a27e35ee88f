import type { AuthLiveSettings } from '../settings.ts';

export type Branding = AuthLiveSettings['branding'];

type Rgb = readonly [red: number, green: number, blue: number];

const defaultColor = '#2f5bea';
const white: Rgb = [255, 255, 255];
const black: Rgb = [0, 0, 0];
/** The page's backgrounds, as in `style.css`. */
const surfaces = { light: [255, 255, 255] satisfies Rgb, dark: [28, 31, 38] satisfies Rgb } as const;
/** WCAG 2.2, success criterion 1.4.3. */
const textContrast = 4.5;

const parseColor = (color: string): Rgb => {
  const [red = 0, green = 0, blue = 0] = (color.match(/[0-9a-f]{2}/gi) ?? []).map((pair) => Number.parseInt(pair, 16));
  return [red, green, blue];
};

const formatColor = (rgb: Rgb): string =>
  `#${rgb.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`;

const luminance = (rgb: Rgb): number => {
  const [red = 0, green = 0, blue = 0] = rgb
    .map((part) => Math.round(part) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

/** Contrast ratio of WCAG 2.2, 1 to 21. */
export const contrast = (a: string, b: string): number => {
  const [lighter = 0, darker = 0] = [luminance(parseColor(a)), luminance(parseColor(b))].sort((x, y) => y - x);
  return (lighter + 0.05) / (darker + 0.05);
};

const mix = (from: Rgb, to: Rgb, share: number): Rgb => [
  from[0] + (to[0] - from[0]) * share,
  from[1] + (to[1] - from[1]) * share,
  from[2] + (to[2] - from[2]) * share,
];

/** The colour itself or the nearest one towards black or white that can be read on the surface. */
const readableOn = (color: Rgb, surface: Rgb, towards: Rgb): string => {
  const steps = Array.from({ length: 21 }, (_, step) => formatColor(mix(color, towards, step / 20)));
  return steps.find((candidate) => contrast(candidate, formatColor(surface)) >= textContrast) ?? formatColor(towards);
};

const textOn = (background: string): string =>
  contrast(background, '#ffffff') >= textContrast ? '#ffffff' : '#000000';

/** Custom properties for `style.css`: a brand colour of any kind, made readable in light and in dark. */
export const buildBrandStyle = ({ primaryColor = defaultColor }: Branding): string => {
  const color = parseColor(primaryColor);
  const light = readableOn(color, surfaces.light, black);
  const dark = readableOn(color, surfaces.dark, white);
  const properties = (accent: string) => `--accent:${accent};--on-accent:${textOn(accent)}`;
  return `:root{${properties(light)}}@media (prefers-color-scheme:dark){:root{${properties(dark)}}}\n`;
};

/** A square of the brand's colour with the first letter of its name: what browsers show in a tab. */
export const buildBrandIcon = ({ name, primaryColor = defaultColor }: Branding): string => {
  const letter = [...name.trim()].find((character) => /[\p{L}\p{N}]/u.test(character))?.toUpperCase() ?? '';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="${primaryColor}"/><text x="16" y="23" text-anchor="middle" font-family="system-ui,sans-serif" font-size="20" font-weight="600" fill="${textOn(primaryColor)}">${letter}</text></svg>\n`;
};
