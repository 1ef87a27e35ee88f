import { describe, expect, it, test } from 'vitest';
import { buildTenant } from '../../testing/tenants.ts';
import { decideAdmission, imageRepository, noLimits, type TenantLimits } from './tenant-admission.ts';

const digest = `sha256:${'0'.repeat(64)}`;

test.each([
  ['postgres', 'docker.io/library/postgres'],
  ['postgres:18', 'docker.io/library/postgres'],
  ['acme/identity:1', 'docker.io/acme/identity'],
  ['localhost/identity:1', 'localhost/identity'],
  ['localhost:5000/identity', 'localhost:5000/identity'],
  ['registry.example.com/a/b:1', 'registry.example.com/a/b'],
  [`registry.example.com:443/a/b:1@${digest}`, 'registry.example.com:443/a/b'],
  [`postgres@${digest}`, 'docker.io/library/postgres'],
])('%s comes from %s', (image, repository) => {
  expect(imageRepository(image)).toBe(repository);
});

const decide = (spec: Record<string, unknown>, limits: Partial<TenantLimits>) =>
  decideAdmission(buildTenant(spec), { ...noLimits, ...limits });

it('lets pass whatever is asked for when nothing is limited', () => {
  const spec = { version: '0.1.0', image: 'anything/at:all', auth: { priorityClassName: 'any' } };
  expect(decideAdmission(buildTenant(spec), noLimits)).toBeUndefined();
});

describe('registries', () => {
  const registries = ['registry.example.com/identity', 'docker.io/library/postgres'];

  it.each([
    {},
    { image: 'registry.example.com/identity:1' },
    { image: 'registry.example.com/identity/auth:1' },
    { database: { managed: { image: 'postgres:18' } } },
  ])('let pass %j', (spec) => {
    expect(decide(spec, { registries })).toBeUndefined();
  });

  it.each([
    'registry.example.com/identity-too:1',
    'registry.example.com/other/identity:1',
    'registry.example.com.evil.example/identity:1',
    'registry.example.com:5000/identity:1',
    'postgres-too:18',
    'evil/postgres:18',
  ])('refuse %s', (image) => {
    const expected = `spec.image "${image}" is from none of the registries that are allowed here (registry.example.com/identity, docker.io/library/postgres); change spec.image, or ask who runs the operator to add it to allowedRegistries`;
    expect(decide({ image }, { registries })).toMatchObject({ reason: 'ImageNotAllowed', message: expected });
    const managed = { database: { managed: { image } } };
    expect(decide(managed, { registries })?.message).toContain(`spec.database.managed.image "${image}"`);
  });
});

describe('priority classes', () => {
  const priorityClasses = ['identity'];

  it('let pass those that are listed, and none at all', () => {
    expect(decide({ gateway: { priorityClassName: 'identity' } }, { priorityClasses })).toBeUndefined();
    expect(decide({}, { priorityClasses })).toBeUndefined();
  });

  it.each(['gateway', 'auth', 'tokenStore'])('refuse another one of %s', (service) => {
    const spec = { [service]: { priorityClassName: 'system-node-critical' } };
    const expected = `spec.${service}.priorityClassName "system-node-critical" is none of the priority classes that are allowed here (identity); change spec.${service}.priorityClassName, or ask who runs the operator to add it to allowedPriorityClasses`;
    expect(decide(spec, { priorityClasses })).toMatchObject({ reason: 'PriorityClassNotAllowed', message: expected });
  });
});

describe('issuers', () => {
  const of = (issuer: string, issuers: TenantLimits['issuers']) => decide({ issuer }, { issuers });

  // The namespace of the tenant is shop.
  it.each([
    ['https://id.shop.example', { shop: ['https://id.shop.example'] }],
    ['https://id.shop.example', { shop: ['https://*.shop.example'] }],
    ['https://a.b.shop.example', { shop: ['https://*.shop.example'] }],
    ['https://id.example/shop', { shop: ['https://id.example/*'] }],
    ['https://id.shop.example', { bank: [], '*': ['https://*.example'] }],
  ])('let pass %s by %j', (issuer, issuers) => {
    expect(of(issuer, issuers)).toBeUndefined();
  });

  it.each([
    ['https://id.shop.example', { bank: ['https://id.shop.example'] }, '(none is)'],
    ['https://id.shop.example', { shop: [], '*': ['https://*'] }, '(none is)'],
    ['https://id.shopxexample', { shop: ['https://*.shop.example'] }, '(https://*.shop.example is)'],
    ['https://id.shop.example.evil', { shop: ['https://*.shop.example'] }, '(https://*.shop.example is)'],
    [
      'https://id.example/shop/too',
      { shop: ['https://id.example/*', 'https://b'] },
      '(https://id.example/*, https://b are)',
    ],
    ['https://evil.example/x.shop.example', { shop: ['https://*.shop.example'] }, '(https://*.shop.example is)'],
  ])('refuse %s by %j', (issuer, issuers, allowed) => {
    const message = `the issuer ${issuer} is not allowed in the namespace "shop" ${allowed}; make the tenant anew with another issuer or elsewhere, or ask who runs the operator to add it to allowedIssuers`;
    expect(of(issuer, issuers)).toMatchObject({ reason: 'IssuerNotAllowed', message });
  });
});
