import { describe, expect, it } from 'vitest';
import { createAssets } from './assets.ts';
import { createPages } from './pages.ts';

const branding = () => ({ name: 'Acme <Shop> & "Co"', primaryColor: '#0050b3' });
const pages = createPages(createAssets('/oauth2/assets', branding), branding);

const signIn = {
  application: 'Shop',
  csrf: 'token',
  email: '"><script>alert(1)</script>',
  notice: undefined,
  alert: 'That was wrong.',
  errors: { password: 'Enter your password.' },
  links: { signIn: '/i/sign-in', cancel: '/i/cancel', register: '/i/register', forgot: '/i/forgot' },
};

describe('pages', () => {
  it('escape what people and tenants wrote', () => {
    const { body } = pages.render('sign-in', signIn);
    expect(body).not.toContain('<script');
    expect(body).toContain('Acme &lt;Shop&gt; &amp; &quot;Co&quot;');
    expect(body).toContain('value="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"');
  });

  it('label every field, tie errors to them, and tell password managers what is what', () => {
    const { body } = pages.render('sign-in', signIn);
    expect(body).toMatch(/<label for="email">/);
    expect(body).toMatch(/<input id="email"[^>]* type="email" autocomplete="username" inputmode="email"/);
    expect(body).toMatch(
      /<input id="password"[^>]* autocomplete="current-password"[^>]* aria-describedby="password-error" aria-invalid="true"/,
    );
    expect(body).toMatch(/<p class="error" id="password-error">Enter your password\.<\/p>/);
    expect(body.match(/autofocus/g)).toHaveLength(1);
    const { body: register } = pages.render('register', {
      csrf: 'token',
      email: '',
      name: '',
      passwordMinimumLength: 12,
      alert: undefined,
      errors: {},
      links: { register: '/i/register', signInPage: '/i' },
    });
    expect(register).toMatch(
      /<input id="password"[^>]* autocomplete="new-password"[^>]* aria-describedby="password-hint"/,
    );
    expect(register).toContain('At least 12 characters');
    expect(register.match(/autofocus/g)).toHaveLength(1);
  });

  it('contain no script, no inline style, nothing from elsewhere, and weigh little', () => {
    const { body, headers } = pages.render('sign-in', { ...signIn, email: '' });
    expect(body).not.toMatch(/<script|<style|style=| on[a-z]+=|https?:\/\//);
    expect(headers['Content-Security-Policy']).not.toContain('unsafe');
    expect(Buffer.byteLength(body)).toBeLessThan(8 * 1024);
  });

  it('offer no registration where it is closed', () => {
    const { body } = pages.render('sign-in', { ...signIn, links: { ...signIn.links, register: undefined } });
    expect(body).not.toContain('Create an account');
  });

  it('show a correlation id for what went wrong', () => {
    const { body } = pages.render('error', { message: 'Broken.', detail: undefined, correlationId: 'a1b2' });
    expect(body).toContain('<code>a1b2</code>');
  });
});
