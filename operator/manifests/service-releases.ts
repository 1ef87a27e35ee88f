import type { Component } from './blueprint.ts';

/**
 * The last release of a minor version of the services, and what this operator must know of it to build exactly what an
 * operator of that version built.
 */
export type ServiceRelease = {
  readonly version: string;
  /** Settings that came later, by the process that reads them: they are not written for this version. */
  readonly unknownSettings: Readonly<Partial<Record<Component | 'migrate', readonly string[]>>>;
};

/**
 * Minor versions before the operator's own that it can run, oldest first: one, as soon as there is one. A release that
 * comes after is added here with what it does not know; golden files hold what is built for it.
 */
export const previousReleases: readonly ServiceRelease[] = [];
