import type { IPod, ISecret } from 'kubernetes-models/v1';
import { expect, it, onTestFinished } from 'vitest';
import { apiVersion, labels, managedByValue } from '../../api/group.ts';
import type { LiveObject } from '../../runtime/kubernetes-object.ts';
import { FakeClock } from '../../runtime/testing/fake-clock.ts';
import { silentLog } from '../../runtime/testing/silent-log.ts';
import { createTenantCaches } from '../caches/tenant-caches.ts';
import { createInternalStates } from './internal-states.ts';

const key = 'shop/acme';
const metadataOf = (name: string, uid = name) => ({ name, namespace: 'shop', uid, resourceVersion: '1' });
const tenant = (uid: string): LiveObject => ({ apiVersion, kind: 'IdentityTenant', metadata: metadataOf('acme', uid) });
const identity: LiveObject & ISecret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: metadataOf('acme-operator-identity'),
  data: {},
};
const pod: LiveObject & IPod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...metadataOf('acme-auth-1'),
    labels: { [labels.managedBy]: managedByValue, [labels.instance]: 'acme', [labels.component]: 'auth' },
  },
  // Nothing listens there.
  status: { podIP: '127.0.0.1' },
};

it('a tenant that is made anew under its name meets nothing of what was known of the old one', async () => {
  const caches = createTenantCaches();
  caches.tenants.upsert(tenant('old'));
  caches.secrets.upsert(identity);
  caches.pods.upsert(pod);
  const clock = new FakeClock();
  const states = createInternalStates({
    caches,
    onChange: () => undefined,
    clock,
    random: () => 0.5,
    log: silentLog,
    periods: { quiet: 1_000, doubtful: 1_000 },
  });
  const stop = new AbortController();
  const running = states.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await running;
  });
  await expect
    .poll(async () => {
      await clock.advance(1_000);
      return states.healthOf(key, 'old');
    })
    .toEqual({ silent: true });

  caches.tenants.upsert(tenant('new'));
  expect(states.healthOf(key, 'new')).toBeUndefined();
  // Its entry is made at the next look, its first question not at once.
  await clock.advance(500);
  expect(states.healthOf(key, 'new')).toBeUndefined();
  expect(states.healthOf(key, 'old')).toBeUndefined();
});
