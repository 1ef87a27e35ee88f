import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { group } from '../../api/group.ts';
import { versionOf } from '../../runtime/packed-object.ts';
import type { Observed } from '../observed.ts';

/**
 * Observations that led to nothing. A plan is pure, and says until when it holds: for the same observation before that
 * time there is nothing to do, and nothing is built, hashed or compared to find that out.
 */
export type SettledTenants = {
  /** How long the same observation is still known to lead to nothing, ms; undefined when it is not. */
  readonly remaining: (key: string, fingerprint: string, now: Date) => number | undefined;
  /** This observation led to nothing, and will for `milliseconds`. */
  readonly settle: (key: string, fingerprint: string, now: Date, milliseconds: number) => void;
};

const maxTenants = 10_000;

export const createSettledTenants = (): SettledTenants => {
  const settled = new LRUCache<
    string,
    { readonly fingerprint: string; readonly since: number; readonly until: number }
  >({
    max: maxTenants,
  });
  return {
    remaining: (key, fingerprint, now) => {
      const known = settled.get(key);
      // A clock that was set back says nothing about what was decided after that.
      if (known?.fingerprint !== fingerprint || now.getTime() < known.since || now.getTime() >= known.until)
        return undefined;
      return known.until - now.getTime();
    },
    settle: (key, fingerprint, now, milliseconds) => {
      settled.set(key, { fingerprint, since: now.getTime(), until: now.getTime() + milliseconds });
    },
  };
};

/** An object is told by its version; everything else by what it is, so that nothing is left out that may come to be observed. */
const digestible = (_name: string, value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Map) return [...value];
  if (value instanceof Set) return [...value];
  const version = versionOf(value);
  return version === undefined ? value : `${version.uid}@${version.resourceVersion}`;
};

/** Of the tenant everything but its version: somebody else's annotation changes that, and nothing for us. */
const describeTenant = ({ tenant: { metadata, spec: _byGeneration, ...rest } }: Observed) => {
  const { resourceVersion: _version, annotations = {}, ...others } = metadata;
  const ours = Object.entries(annotations).filter(([name]) => name.startsWith(`${group}/`));
  return { ...rest, metadata: { ...others, annotations: ours, resourceVersion: undefined } };
};

/** Equal for observations that no decision tells apart. */
export const fingerprintOf = (observed: Observed): string => {
  const { tenant: _tenant, ...others } = observed;
  return hash('sha256', JSON.stringify([describeTenant(observed), others], digestible), 'base64');
};
