import type { KubernetesClient } from './kubernetes-client.ts';

/** A write was held back: this process can no longer be sure to lead. */
export class WriteForbiddenError extends Error {
  override readonly name = 'WriteForbiddenError';
}

/**
 * A client whose writes fail with {@link WriteForbiddenError} unless `mayWrite` says yes at that moment; reads pass.
 * For what runs in a leadership term: a signal is not enough after a pause of the whole process, when code may run
 * before the timer that would have aborted it.
 */
export const guardWrites = (client: KubernetesClient, mayWrite: () => boolean): KubernetesClient => {
  const guarded = <Call extends (...parameters: never[]) => Promise<unknown>>(call: Call): Call =>
    // The same function behind a check: its parameters and answer are those of `call`.
    ((...parameters) =>
      mayWrite() ? call(...parameters) : Promise.reject(new WriteForbiddenError('no longer the leader'))) as Call;

  return {
    ...client,
    applyServerSide: guarded(client.applyServerSide),
    applyStatus: guarded(client.applyStatus),
    create: guarded(client.create),
    replace: guarded(client.replace),
    patchMerge: guarded(client.patchMerge),
    delete: guarded(client.delete),
    evict: guarded(client.evict),
  };
};

/** A client that tells `onWrite` of each write before it is tried. */
export const watchWrites = (client: KubernetesClient, onWrite: () => void): KubernetesClient =>
  guardWrites(client, () => {
    onWrite();
    return true;
  });
