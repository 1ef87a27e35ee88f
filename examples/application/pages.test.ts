import { UnsecuredJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { buildContentSecurityPolicy, buildFailurePage, buildHomePage } from './pages.ts';
import type { SessionTokens } from './sessions.ts';

const application = { issuer: 'https://id.example', clientId: 'shop' };

const tokensFor = (name: string): SessionTokens => ({
  access_token: new UnsecuredJWT({ aud: 'api', scope: 'openid' }).encode(),
  claims: () => ({ iss: application.issuer, sub: '1', aud: 'shop', iat: 0, exp: 600, name }),
});

describe('the pages of the example application', () => {
  it('offer the sign-in alone while nobody is signed in', () => {
    const page = buildHomePage(application, {});
    expect(page).toContain('action="/sign-in"');
    expect(page).not.toContain('action="/sign-out"');
  });

  it('show the claims of both tokens, times as a person reads them', () => {
    const page = buildHomePage(application, { tokens: tokensFor('Ada') });
    expect(page).toContain('Signed in as <strong>Ada</strong>');
    expect(page).toContain('<th scope="row">exp</th><td>600 (1970-01-01T00:10:00.000Z)</td>');
    expect(page).toContain('<th scope="row">aud</th><td>api</td>');
  });

  it('show the services in the order in which they called each other', () => {
    const serviceAnswer = { service: 'a', subject: '1', next: { service: 'b', subject: '1' } };
    const page = buildHomePage(application, { tokens: tokensFor('Ada'), serviceAnswer });
    expect(page.indexOf('service A')).toBeLessThan(page.indexOf('service B'));
  });

  it('take nothing that a person typed for HTML', () => {
    const name = `<img src=x onerror="alert('1')">`;
    const pages = [buildHomePage(application, { tokens: tokensFor(name) }), buildFailurePage(name)];
    for (const page of pages) {
      expect(page).not.toContain('<img');
      expect(page).toContain('&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;');
    }
  });

  it('allow no script, and forms to themselves and the issuer alone', () => {
    expect(buildContentSecurityPolicy('https://id.example/tenant')).toMatch(
      /^default-src 'none'; style-src 'sha256-[^ ]+'; form-action 'self' https:\/\/id\.example; /,
    );
  });
});
