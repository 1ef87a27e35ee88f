/** The first that fits counts: browsers name those that they descend from, and mobile systems theirs. */
const browsers: readonly (readonly [name: string, sign: RegExp])[] = [
  ['Edge', /\bEdg(e|A|iOS)?\//],
  ['Opera', /\b(OPR|Opera)\//],
  ['Samsung Internet', /\bSamsungBrowser\//],
  ['Firefox', /\b(Firefox|FxiOS)\//],
  ['Chrome', /\b(Chrome|CriOS|Chromium)\//],
  ['Safari', /\bVersion\/[\d.]+.* Safari\//],
];
const systems: readonly (readonly [name: string, sign: RegExp])[] = [
  ['iPhone', /\biPhone\b/],
  ['iPad', /\biPad\b/],
  ['Android', /\bAndroid\b/],
  ['Windows', /\bWindows\b/],
  ['ChromeOS', /\bCrOS\b/],
  ['macOS', /\bMac OS X\b/],
  ['Linux', /\bLinux\b/],
];
/** Longer ones are nobody's browser. */
const maxLength = 1024;

const findName = (names: typeof browsers, text: string): string | undefined =>
  names.find(([, sign]) => sign.test(text))?.[0];

/**
 * A browser in words that its owner knows, such as "Firefox on Windows"; undefined for what is none. So rough on purpose: it is
 * kept with a session, and is to tell one device of a person from another, not one person from others.
 * @param userAgent the header as it was sent
 */
export const describeDevice = (userAgent: string | undefined): string | undefined => {
  const text = (userAgent ?? '').slice(0, maxLength);
  const [browser, system] = [findName(browsers, text), findName(systems, text)];
  if (browser === undefined) return system;
  return system === undefined ? browser : `${browser} on ${system}`;
};
