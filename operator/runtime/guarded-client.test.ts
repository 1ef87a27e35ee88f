import { expect, test } from 'vitest';
import { guardWrites } from './guarded-client.ts';
import type { KubernetesClient } from './kubernetes-client.ts';

// A verb that is added to the client does not compile until it is decided about here.
const verbs: Record<keyof KubernetesClient, 'reads' | 'writes'> = {
  applyServerSide: 'writes',
  applyStatus: 'writes',
  close: 'reads',
  create: 'writes',
  delete: 'writes',
  evict: 'writes',
  get: 'reads',
  getDocument: 'reads',
  isServed: 'reads',
  list: 'reads',
  patchMerge: 'writes',
  replace: 'writes',
  resourceOf: 'reads',
  watch: 'reads',
};

test.each(Object.entries(verbs))('without leadership, %s, which %s, is held back or passes', async (verb, effect) => {
  let mayWrite = true;
  let calls = 0;
  const fake = { [verb]: async () => (calls += 1) };
  // A client of one verb, called without parameters.
  const guarded = guardWrites(fake as unknown as KubernetesClient, () => mayWrite) as unknown as typeof fake;

  await guarded[verb]?.();
  expect(calls).toBe(1);

  mayWrite = false;
  const late = guarded[verb]?.();
  if (effect === 'writes') await expect(late).rejects.toMatchObject({ name: 'WriteForbiddenError' });
  else await late;
  expect(calls).toBe(effect === 'writes' ? 1 : 2);
});
