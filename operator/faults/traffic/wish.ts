import { annotations } from '../../api/group.ts';
import type { OperatorRelease } from '../../tenant/operator-release.ts';
import type { Editions } from './belonging.ts';
import { firstClientSpec } from './tenant-clients.ts';
import { type ClientName, type Fields, growth, mergePatch, type Transition } from './transition.ts';

const releases = {
  first: { version: '0.1.0', image: 'identity-operator:0.1.0', databaseImage: 'postgres:18' },
  next: {
    version: '0.2.0',
    image: 'identity-operator:0.2.0',
    databaseImage: 'postgres:18',
    previous: [{ version: '0.1.0', unknownSettings: {} }],
  },
} as const satisfies Record<string, OperatorRelease>;

/** All that a user has asked for so far, as it was written last. */
export type Wish = {
  readonly spec: Fields;
  readonly clients: Readonly<Partial<Record<ClientName, Fields>>>;
  readonly editions: Editions;
  /** Of the tenant. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly release: keyof typeof releases;
};

export const releaseOf = ({ release }: Pick<Wish, 'release'>): OperatorRelease => releases[release];

/** With what every chain begins. */
export const firstWish: Wish = {
  spec: {
    issuer: 'https://id.acme.example',
    gateway: { replicas: 1 },
    auth: { replicas: 1 },
    tokenStore: { replicas: 1 },
  },
  clients: {},
  editions: {},
  annotations: {},
  release: 'first',
};

// A merge patch of an object is an object.
const patched = (fields: Fields, patch: Fields): Fields => mergePatch(fields, patch) as Fields;

/** Whether the tenant's data lives with the tenant. */
const isDatabaseManaged = ({ spec }: Wish): boolean => {
  const { database = {} } = spec as { readonly database?: Fields };
  return database['connection'] === undefined && database['cloudNativePG'] === undefined;
};

/** What is asked for after a transition; most of them ask for nothing. */
export const nextWish = (wish: Wish, transition: Transition): Wish => {
  const { spec, clients, editions } = wish;
  switch (transition.kind) {
    case 'change':
      return { ...wish, spec: patched(spec, transition.spec) };
    case 'move':
      return { ...wish, spec: patched(spec, { ...transition.spec, paused: spec['paused'] === true }) };
    case 'client': {
      const before = clients[transition.name] ?? firstClientSpec;
      return { ...wish, clients: { ...clients, [transition.name]: patched(before, transition.spec) } };
    }
    case 'dismiss': {
      const { [transition.name]: _dismissed, ...others } = clients;
      return { ...wish, clients: others };
    }
    case 'rotate':
      return {
        ...wish,
        editions: { ...editions, [transition.belonging]: (editions[transition.belonging] ?? 0) + 1 },
      };
    case 'restart':
      return { ...wish, annotations: { ...wish.annotations, [annotations.restart]: transition.value } };
    case 'grow':
      return isDatabaseManaged(wish) ? { ...wish, spec: patched(spec, growth) } : wish;
    case 'upgrade':
      return { ...wish, release: 'next' };
    case 'downgrade':
      return { ...wish, release: 'first' };
    default:
      return wish;
  }
};
