import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

/** Set to a folder to keep pictures of every page. */
const picturesDirectory = process.env['AUTH_PAGE_PICTURES'];

/** A real browser for which every host is the entrance at this port. */
export const launchChromium = (port: number): Promise<Browser> =>
  chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      `--host-resolver-rules=MAP * 127.0.0.1:${port}`,
    ],
  });

/** Devices that people have; all without script, since the pages have none. */
export const devices: Record<string, BrowserContextOptions> = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
  'small phone, dark': {
    viewport: { width: 320, height: 568 },
    deviceScaleFactor: 2,
    isMobile: true,
    colorScheme: 'dark',
  },
  desktop: { viewport: { width: 1280, height: 800 } },
  'desktop, dark': { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
};

/** What a page tries that its policy forbids; read it at the end. */
export const watchPolicy = (page: Page, issuer: string): string[] => {
  const violations: string[] = [];
  page.on('console', (message) => {
    if (/Content Security Policy|Refused to/i.test(message.text())) violations.push(message.text());
  });
  page.on('response', (response) => {
    const { 'content-type': type = '', 'content-security-policy': policy = '', location } = response.headers();
    if (!response.url().startsWith(issuer) || !type.includes('html') || location !== undefined) return;
    if (!policy.includes("default-src 'none'")) violations.push(`${response.url()} has no policy`);
  });
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? '';
    if (/BLOCKED|CSP/i.test(reason)) violations.push(`${request.url()} ${reason}`);
  });
  return violations;
};

/** WCAG 2.2 AA as far as axe sees it, no scrolling sideways, and a picture where pictures are kept. */
export const checkPage = async (page: Page, name: string): Promise<void> => {
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'])
    .analyze();
  expect(violations.map(({ id, nodes }) => `${name}: ${id} ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
  const overflow = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
  expect(overflow, `${name} scrolls sideways`).toBe(0);
  if (picturesDirectory === undefined) return;
  await mkdir(picturesDirectory, { recursive: true });
  await page.screenshot({ path: join(picturesDirectory, `${name}.png`), fullPage: true });
  expect(page.context().pages()).toHaveLength(1);
};
