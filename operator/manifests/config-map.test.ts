import { expect, it } from 'vitest';
import { buildTenant, buildTestBlueprint, buildTestDatabaseSources } from '../testing/tenants.ts';
import { buildLiveConfigMaps, buildSettingsConfigMap } from './config-map.ts';

it('settings that a version of the services does not know are not written for it', () => {
  const tenant = buildTenant({});
  const blueprint = buildTestBlueprint(tenant);
  const sources = buildTestDatabaseSources(tenant);
  const older = { ...blueprint, unknownSettings: { auth: ['passwordMinimumLength'], gateway: ['routes'] } };
  const settings = (of: typeof blueprint) =>
    Object.keys(JSON.parse(buildSettingsConfigMap(of, 'auth', sources).data['settings.json']));
  expect(settings(blueprint)).toContain('passwordMinimumLength');
  expect(settings(older)).toEqual(settings(blueprint).filter((field) => field !== 'passwordMinimumLength'));
  const live = (of: typeof blueprint) => buildLiveConfigMaps(of).map(({ data }) => data['live.json']);
  const [store, auth, gateway = ''] = live(older);
  expect([store, auth]).toEqual(live(blueprint).slice(0, 2));
  expect(JSON.parse(gateway)).not.toHaveProperty('routes');
});
