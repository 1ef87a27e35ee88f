import { AsyncLocalStorage } from 'node:async_hooks';
import type { UnitOfWork } from './unit-of-work.ts';

/** An event of the provider, held until it is known whether the work that it reports was written. */
export type HeldEvent = { name: string; emit: () => void };

export type OpenUnit = { unit: UnitOfWork; events: HeldEvent[] };

// Of our own: the provider's is empty in the interaction routes.
const storage = new AsyncLocalStorage<OpenUnit>();

/** The unit of the request that the caller runs in. */
export const currentUnit = (): OpenUnit | undefined => storage.getStore();

export const runInUnit = <T>(open: OpenUnit, work: () => T): T => storage.run(open, work);
