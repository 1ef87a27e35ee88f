import { expect, it } from 'vitest';
import { findApplyReason, withDesiredHash } from '../../runtime/desired-state.ts';
import { createFieldMutations } from './field-mutations.ts';

const build = (cpu: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'acme-auth', namespace: 'shop' },
  spec: { sessionAffinity: 'None', cpu },
});
type Service = ReturnType<typeof build>;
const desired = build('1');
/** What the API server has after a webhook made its own of it. */
const mutate = (service: Service) => {
  const { metadata, spec, ...rest } = withDesiredHash(service, 'hash');
  return {
    ...rest,
    metadata: { ...metadata, uid: 'u', resourceVersion: '1' },
    spec: { ...spec, sessionAffinity: 'ClientIP' },
  };
};

it('a field that a webhook insists on is written once, and told once', () => {
  const mutations = createFieldMutations();
  const live = mutate(desired);
  expect(findApplyReason(desired, live, 'hash', mutations.fieldsOf(desired))).toMatchObject({ reason: 'drifted' });
  expect(mutations.learn(desired, live)).toEqual(['spec.sessionAffinity']);
  expect(findApplyReason(desired, live, 'hash', mutations.fieldsOf(desired))).toBeUndefined();
  expect(mutations.learn(desired, live)).toBeUndefined();
});

it('another field that somebody changes is still repaired', () => {
  const mutations = createFieldMutations();
  mutations.learn(desired, mutate(desired));
  const live = { ...mutate(desired), spec: { sessionAffinity: 'ClientIP', cpu: '2' } };
  expect(findApplyReason(desired, live, 'hash', mutations.fieldsOf(desired))).toEqual({
    reason: 'drifted',
    fields: ['spec.cpu'],
  });
});

it('holds for that very content of that very object only', () => {
  const mutations = createFieldMutations();
  mutations.learn(desired, mutate(desired));
  expect(mutations.fieldsOf(build('2'))).toEqual([]);
  expect(mutations.fieldsOf({ ...desired, metadata: { ...desired.metadata, name: 'acme-gateway' } })).toEqual([]);
});

it('is forgotten when the webhook lets the content through', () => {
  const mutations = createFieldMutations();
  mutations.learn(desired, mutate(desired));
  const { metadata, ...rest } = withDesiredHash(desired, 'hash');
  expect(
    mutations.learn(desired, { ...rest, metadata: { ...metadata, uid: 'u', resourceVersion: '2' } }),
  ).toBeUndefined();
  expect(mutations.fieldsOf(desired)).toEqual([]);
});
