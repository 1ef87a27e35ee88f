import { describe, expect, it } from 'vitest';
import { annotations } from '../../api/group.ts';
import type { LiveObject } from '../../runtime/kubernetes-object.ts';
import { buildTenant } from '../../testing/tenants.ts';
import type { OperatorRelease } from '../operator-release.ts';
import { decideTarget } from './target-version.ts';

const release: OperatorRelease = {
  version: '0.3.1',
  image: 'registry.example:5000/identity@sha256:0000',
  databaseImage: 'postgres:18',
  previous: [{ version: '0.2.4', unknownSettings: { auth: ['consent'] } }],
};

const deployment = (version: string): LiveObject =>
  ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `acme-${version}`, uid: 'u', resourceVersion: '1' },
    spec: { template: { metadata: { labels: { 'app.kubernetes.io/version': version } } } },
    // A Deployment in the fields that are read.
  }) as LiveObject;

const job = (version: string, image: string): LiveObject =>
  ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'acme-migrate', uid: 'j', resourceVersion: '1', annotations: { [annotations.release]: version } },
    spec: { template: { spec: { containers: [{ image }] } } },
    // A Job in the fields that are read.
  }) as LiveObject;

type Case = {
  readonly spec?: Record<string, unknown>;
  readonly status?: Record<string, unknown>;
  readonly objects?: readonly LiveObject[];
};
const target = ({ spec = {}, status = {}, objects = [] }: Case) => {
  const tenant = { ...buildTenant(spec), status };
  const decided = decideTarget({ tenant, objects }, release);
  return decided.kind === 'run' ? `${decided.version} ${decided.image}` : decided.kind;
};

const own = '0.3.1 registry.example:5000/identity@sha256:0000';
const tagged = (version: string) => `${version} registry.example:5000/identity:${version}`;

describe('the version that a tenant is to run', () => {
  it.each<[string, Case, string]>([
    ['a new tenant: the operator’s', {}, own],
    ['it runs the operator’s', { status: { version: '0.3.1' } }, own],
    ['it stays until its turn', { status: { version: '0.2.4' } }, tagged('0.2.4')],
    ['a patch waits for its turn too', { status: { version: '0.3.0' } }, tagged('0.3.0')],
    ['its turn', { status: { version: '0.2.4', targetVersion: '0.3.1' } }, own],
    ['the status was lost', { objects: [deployment('0.2.4')] }, tagged('0.2.4')],
    ['and in the middle of an upgrade', { objects: [deployment('0.3.1'), deployment('0.2.4')] }, tagged('0.2.4')],
    ['pinned', { spec: { version: '0.2.2' }, status: { version: '0.3.1' } }, tagged('0.2.2')],
    [
      'pinned, with a turn of long ago',
      { spec: { version: '0.2.2' }, status: { targetVersion: '0.3.1' } },
      tagged('0.2.2'),
    ],
    ['an image of its own', { spec: { version: '0.2.2', image: 'mine:1' } }, '0.2.2 mine:1'],
    [
      'an image that it runs already',
      { spec: { version: '0.2.2' }, objects: [job('0.2.2', 'old/identity@sha256:1')] },
      '0.2.2 old/identity@sha256:1',
    ],
    [
      'that of another version does not count',
      { spec: { version: '0.2.2' }, objects: [job('0.2.1', 'old:1')] },
      tagged('0.2.2'),
    ],
    ['older than the operator can build: kept until its turn', { status: { version: '0.1.0' } }, 'keep'],
    ['by one minor version then', { status: { version: '0.1.0', targetVersion: '0.2.4' } }, tagged('0.2.4')],
    ['of the next operator: kept until it is taken back', { status: { version: '0.4.0' } }, 'keep'],
    ['a turn of the next operator is void', { status: { version: '0.3.1', targetVersion: '0.4.0' } }, own],
    ['too old', { status: { version: '0.0.1' } }, 'unsupported'],
    ['too new', { status: { version: '0.5.0' } }, 'unsupported'],
    ['pinned to what it cannot run', { spec: { version: '0.1.0' } }, 'unsupported'],
  ])('%s', (_case, of, expected) => {
    expect(target(of)).toBe(expected);
  });

  it('comes with what that version does not know', () => {
    const tenant = buildTenant({ version: '0.2.9' });
    expect(decideTarget({ tenant, objects: [] }, release)).toMatchObject({
      services: { unknownSettings: { auth: ['consent'] } },
    });
  });

  it('that cannot be is told with those that can', () => {
    const tenant = buildTenant({ version: '0.1.0' });
    expect(decideTarget({ tenant, objects: [] }, release)).toMatchObject({
      message:
        'spec.version 0.1.0 is none that this operator can run, which is 0.2.x and 0.3.x; name one of these, or unset it',
    });
  });
});
