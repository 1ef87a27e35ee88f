import { databasePasswordEntries, rememberedDatabaseEntry } from '../keys/random-secrets.ts';
import type { Blueprint, Component } from './blueprint.ts';
import { type DatabaseReader, databaseCaEntry, databaseUrlEntries } from './database-connection.ts';
import { objectNames } from './object-names.ts';

const root = '/etc/identity';

/** Folders of the mounted ConfigMaps and Secrets in every container; settings name files by them. */
export const mountPaths = {
  settings: `${root}/settings`,
  live: `${root}/live`,
  identity: `${root}/tls`,
  publicTls: `${root}/public-tls`,
  signingKeys: `${root}/signing-keys`,
  cookieKeys: `${root}/cookie-keys`,
  dataEncryptionKeys: `${root}/data-encryption-keys`,
  database: `${root}/database`,
  databaseCredentials: `${root}/database-credentials`,
} as const;

/** A folder of files out of a Secret; `items` narrows it to the named entries. */
type SecretMount = {
  readonly name: string;
  readonly mountPath: string;
  readonly secretName: string;
  readonly items?: readonly string[];
  /** A pod starts without the Secret, or without some of its entries. */
  readonly optional?: true;
};

/** A service's URL, and no other's; `ca.crt` only where the database has a CA of its own. */
const databaseMount = (
  blueprint: Blueprint,
  reader: Exclude<DatabaseReader, 'migrate'>,
  hasCa: boolean,
): SecretMount => ({
  name: 'database',
  mountPath: mountPaths.database,
  secretName: objectNames.databaseConnection(blueprint),
  items: [databaseUrlEntries[reader], ...(hasCa ? [databaseCaEntry] : [])],
});

/** What migrate reads: its connection, the passwords that it gives to roles, and the id of the remembered database. */
export const migrateMounts = (blueprint: Blueprint): SecretMount[] => [
  { name: 'database', mountPath: mountPaths.database, secretName: objectNames.migrateConnection(blueprint) },
  {
    name: 'credentials',
    mountPath: mountPaths.databaseCredentials,
    secretName: objectNames.databaseCredentials(blueprint),
    items: [databasePasswordEntries.auth, databasePasswordEntries.tokenStore, rememberedDatabaseEntry],
    // Before the first migration nothing is remembered.
    optional: true,
  },
];

/** Secrets that a component reads, and no more: the gateway gets the public keyring, never a private key. */
export const secretMounts = (blueprint: Blueprint, component: Component, databaseHasCa: boolean): SecretMount[] => {
  const identity = {
    name: 'identity',
    mountPath: mountPaths.identity,
    secretName: objectNames.identity(blueprint, component),
  };
  const signingKeys = {
    name: 'signing-keys',
    mountPath: mountPaths.signingKeys,
    secretName: objectNames.signingKeys(blueprint),
  };
  switch (component) {
    case 'gateway':
      return [
        identity,
        { ...signingKeys, items: ['keyring.json'] },
        ...(blueprint.spec.gateway.tls === undefined
          ? []
          : [
              {
                name: 'public-tls',
                mountPath: mountPaths.publicTls,
                secretName: blueprint.spec.gateway.tls.secretName,
              },
            ]),
      ];
    case 'auth':
      return [
        identity,
        signingKeys,
        { name: 'cookie-keys', mountPath: mountPaths.cookieKeys, secretName: objectNames.cookieKeys(blueprint) },
        databaseMount(blueprint, 'auth', databaseHasCa),
      ];
    case 'token-store':
      return [
        identity,
        {
          name: 'data-encryption-keys',
          mountPath: mountPaths.dataEncryptionKeys,
          secretName: objectNames.dataEncryptionKeys(blueprint),
        },
        databaseMount(blueprint, 'token-store', databaseHasCa),
      ];
  }
};

export const buildSecretVolume = ({ name, secretName, items, optional }: SecretMount) => ({
  name,
  secret: {
    secretName,
    defaultMode: 0o440,
    ...(optional === undefined ? {} : { optional }),
    ...(items === undefined ? {} : { items: items.map((key) => ({ key, path: key })) }),
  },
});

export const buildVolumeMount = ({ name, mountPath }: Pick<SecretMount, 'name' | 'mountPath'>) => ({
  name,
  mountPath,
  readOnly: true,
});
