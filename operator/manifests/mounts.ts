import type { IVolume, IVolumeProjection } from 'kubernetes-models/v1';
import { databasePasswordEntries, rememberedDatabaseEntry } from '../keys/random-secrets.ts';
import type { Blueprint, Component } from './blueprint.ts';
import { type DatabaseReader, databaseCaEntry, databaseUrlEntries } from './database-connection.ts';
import { objectNames } from './object-names.ts';

const root = '/etc/identity';

/** Entries of the Secret of a cache. */
export const cacheEntries = { url: 'url', ca: 'ca.crt' } as const;
/** Entries of the Secret of a mail server. */
export const mailEntries = { url: 'url', ca: 'ca.crt' } as const;

/** Entry of the Secret with the CAs of clients. */
export const clientCaEntry = 'ca.crt';

/** Folders of the mounted ConfigMaps and Secrets in every container; settings name files by them. */
export const mountPaths = {
  settings: `${root}/settings`,
  live: `${root}/live`,
  identity: `${root}/tls`,
  publicTls: `${root}/public-tls`,
  certificatesTls: `${root}/certificates-tls`,
  clientCa: `${root}/client-ca`,
  signingKeys: `${root}/signing-keys`,
  cookieKeys: `${root}/cookie-keys`,
  pairwiseSalt: `${root}/pairwise-salt`,
  dataEncryptionKeys: `${root}/data-encryption-keys`,
  database: `${root}/database`,
  databaseCredentials: `${root}/database-credentials`,
  cache: `${root}/cache`,
  mail: `${root}/mail`,
  trust: `${root}/trust`,
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

/** A folder of files out of several objects. */
type ProjectedMount = { readonly name: string; readonly mountPath: string; readonly sources: IVolumeProjection[] };

export type Mount = SecretMount | ProjectedMount;

/**
 * The tenant's trust bundles, a file each, for those that speak TLS to others. One that is gone meanwhile must not keep a
 * pod from starting.
 */
const trustMounts = ({ spec }: Blueprint): ProjectedMount[] => {
  const sources = spec.trustBundles.flatMap(({ configMapRef, secretRef }, index): IVolumeProjection[] => {
    const path = `bundle-${index}.pem`;
    if (configMapRef !== undefined) {
      const { name, key } = configMapRef;
      return [{ configMap: { name, items: [{ key, path }], optional: true } }];
    }
    if (secretRef === undefined) return [];
    const { name, key } = secretRef;
    return [{ secret: { name, items: [{ key, path }], optional: true } }];
  });
  return sources.length === 0 ? [] : [{ name: 'trust', mountPath: mountPaths.trust, sources }];
};

/** The user's Secret itself: a change reaches the pods by no help of ours, and without it they start all the same. */
const cacheMounts = ({ spec: { cache } }: Blueprint): SecretMount[] =>
  cache === undefined
    ? []
    : [
        {
          name: 'cache',
          mountPath: mountPaths.cache,
          secretName: cache.connection.secretRef.name,
          items: [cacheEntries.url, cacheEntries.ca],
          optional: true,
        },
      ];

/** The user's Secret itself, as with the cache: mails wait in the outbox until it is there. */
const mailMounts = ({ spec: { auth } }: Blueprint): SecretMount[] =>
  auth.mail === undefined
    ? []
    : [
        {
          name: 'mail',
          mountPath: mountPaths.mail,
          secretName: auth.mail.smtpSecretRef.name,
          items: [mailEntries.url, mailEntries.ca],
          optional: true,
        },
      ];

/**
 * The users' Secrets themselves: a change reaches the gateway by no help of ours. It does not start without them, and so
 * never trusts anybody else.
 */
const clientCertificateMounts = ({ spec: { gateway } }: Blueprint): SecretMount[] => {
  if (gateway.clientCertificates === undefined) return [];
  const { tlsSecretName, caSecretRef } = gateway.clientCertificates;
  return [
    { name: 'certificates-tls', mountPath: mountPaths.certificatesTls, secretName: tlsSecretName },
    ...(caSecretRef === undefined
      ? []
      : [
          {
            name: 'client-ca',
            mountPath: mountPaths.clientCa,
            secretName: caSecretRef.name,
            items: [clientCaEntry],
          },
        ]),
  ];
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
export const migrateMounts = (blueprint: Blueprint): Mount[] => [
  { name: 'database', mountPath: mountPaths.database, secretName: objectNames.migrateConnection(blueprint) },
  {
    name: 'credentials',
    mountPath: mountPaths.databaseCredentials,
    secretName: objectNames.databaseCredentials(blueprint),
    items: [databasePasswordEntries.auth, databasePasswordEntries.tokenStore, rememberedDatabaseEntry],
    // Before the first migration nothing is remembered.
    optional: true,
  },
  ...trustMounts(blueprint),
];

/** What a component reads, and no more: the gateway gets the public keyring, never a private key. */
export const componentMounts = (blueprint: Blueprint, component: Component, databaseHasCa: boolean): Mount[] => {
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
        ...clientCertificateMounts(blueprint),
      ];
    case 'auth':
      return [
        identity,
        signingKeys,
        { name: 'cookie-keys', mountPath: mountPaths.cookieKeys, secretName: objectNames.cookieKeys(blueprint) },
        { name: 'pairwise-salt', mountPath: mountPaths.pairwiseSalt, secretName: objectNames.pairwiseSalt(blueprint) },
        databaseMount(blueprint, 'auth', databaseHasCa),
        ...mailMounts(blueprint),
        ...trustMounts(blueprint),
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
        ...cacheMounts(blueprint),
        ...trustMounts(blueprint),
      ];
  }
};

export const buildVolume = (mount: Mount): IVolume => {
  const defaultMode = 0o440;
  const { name } = mount;
  if ('sources' in mount) return { name, projected: { defaultMode, sources: mount.sources } };
  const { secretName, items, optional } = mount;
  return {
    name,
    secret: {
      secretName,
      defaultMode,
      ...(optional === undefined ? {} : { optional }),
      ...(items === undefined ? {} : { items: items.map((key) => ({ key, path: key })) }),
    },
  };
};

export const buildVolumeMount = ({ name, mountPath }: Pick<Mount, 'name' | 'mountPath'>) => ({
  name,
  mountPath,
  readOnly: true,
});
