import type { IConfigMap } from 'kubernetes-models/v1';
import { type Blueprint, type Component, components } from './blueprint.ts';
import { canonicalJson, contentHash } from './content-hash.ts';
import { type DatabaseSources, hasDatabaseCa } from './database-connection.ts';
import { ownedMetadata } from './metadata.ts';
import { objectNames } from './object-names.ts';
import {
  buildAuthLiveSettings,
  buildAuthSettings,
  buildGatewayLiveSettings,
  buildGatewaySettings,
  buildMigrateSettings,
  buildTokenStoreLiveSettings,
  buildTokenStoreSettings,
} from './service-settings.ts';

const restartSettings = (blueprint: Blueprint, component: Component, databaseHasCa: boolean) => {
  switch (component) {
    case 'gateway':
      return buildGatewaySettings(blueprint);
    case 'auth':
      return buildAuthSettings(blueprint, databaseHasCa);
    case 'token-store':
      return buildTokenStoreSettings(blueprint, databaseHasCa);
  }
};

const liveSettings = (blueprint: Blueprint, component: Component) => {
  switch (component) {
    case 'gateway':
      return buildGatewayLiveSettings(blueprint);
    case 'auth':
      return buildAuthLiveSettings(blueprint);
    case 'token-store':
      return buildTokenStoreLiveSettings(blueprint);
  }
};

/** What the tenant's version of a service knows of its settings. */
const knownSettings = <Settings extends object>(
  { unknownSettings }: Blueprint,
  component: Component | 'migrate',
  settings: Settings,
): Partial<Settings> => {
  const unknown = new Set<string>(unknownSettings[component]);
  // Fields were left out, and none is another than before.
  return Object.fromEntries(Object.entries(settings).filter(([field]) => !unknown.has(field))) as Partial<Settings>;
};

/**
 * Settings that need a restart: immutable and named by their content, so that a pod of an older ReplicaSet that starts
 * again never meets newer ones.
 */
export const buildSettingsConfigMap = (
  blueprint: Blueprint,
  component: Component | 'migrate',
  sources: DatabaseSources,
) => {
  const settings = knownSettings(
    blueprint,
    component,
    component === 'migrate'
      ? buildMigrateSettings(blueprint, sources)
      : restartSettings(blueprint, component, hasDatabaseCa(blueprint, sources)),
  );
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: ownedMetadata(blueprint, objectNames.settings(blueprint, component, contentHash(settings)), component),
    immutable: true,
    data: { 'settings.json': canonicalJson(settings) },
  } satisfies IConfigMap;
};

/** Settings that change in running pods; the name is stable and pods watch the file. */
export const buildLiveConfigMaps = (blueprint: Blueprint) =>
  components.map(
    (component) =>
      ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: ownedMetadata(blueprint, objectNames.liveSettings(blueprint, component), component),
        data: { 'live.json': canonicalJson(knownSettings(blueprint, component, liveSettings(blueprint, component))) },
      }) satisfies IConfigMap,
  );
