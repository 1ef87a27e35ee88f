import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { apiVersion } from './api/group.ts';
import type { DesiredObject } from './runtime/kubernetes-object.ts';
import { refusalOf, startTestCluster, type TestCluster } from './testing/test-cluster.ts';

const directory = path.join(import.meta.dirname, '../examples');
const files = readdirSync(directory).filter((file) => file.endsWith('.yaml'));

/** Our objects of a file; what belongs to others is theirs to validate. */
const readOurs = (file: string): DesiredObject[] =>
  parseAllDocuments(readFileSync(path.join(directory, file), 'utf8'))
    // Whether it is an object is what the API server decides here.
    .map((document) => document.toJS() as DesiredObject)
    .filter((object) => object.apiVersion === apiVersion);

describe('the examples', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startTestCluster();
  });
  afterAll(async () => {
    await cluster?.stop();
  });

  it.each(files)('%s is taken by the API server', async (file) => {
    const namespace = `example-${file.replace('.yaml', '')}`;
    await cluster.createNamespace(namespace);
    for (const object of readOurs(file)) {
      const write = cluster.client.create({ ...object, metadata: { ...object.metadata, namespace } });
      expect(await refusalOf(write)).toBeUndefined();
    }
  });

  it('show every kind of database', () => {
    const kinds = files
      .flatMap(readOurs)
      .filter(({ kind }) => kind === 'IdentityTenant')
      .flatMap((tenant) => Object.keys((tenant as { spec?: { database?: object } }).spec?.database ?? {}));
    expect(new Set(kinds)).toEqual(new Set(['managed', 'connection', 'cloudNativePG']));
  });
});
