import { waitUntil } from '../../e2e/cluster/wait.ts';
import { planCrash } from './failpoint/crash-point.ts';
import { createRandom } from './failpoint/random.ts';
import { planStorm } from './failpoint/storm.ts';
import type { Transition } from './traffic/transition.ts';
import type { World } from './world.ts';

/** What happens to the operator of a world, and to what it sees. */
export type Strike = Extract<Transition, { readonly kind: 'crash' | 'storm' | 'lag' | 'loss' }>;

const lossPercent = 20;

/** Lets it happen; but for a crash it lasts until it has passed, or faults are ended. */
export const strike = async (world: World, what: Strike): Promise<void> => {
  const { proxy } = await world.present();
  switch (what.kind) {
    case 'crash':
      // Whatever it was writing: it dies in the middle, or is killed at rest when it writes less than that.
      proxy.plan = planCrash(what);
      await waitUntil(
        'a crash',
        1_000,
        async () => proxy.calls.some(({ fault }) => fault?.startsWith('kill') === true),
        10,
      ).catch(() => undefined);
      await world.start();
      return;
    case 'storm':
      proxy.plan = planStorm(createRandom(what.seed));
      return;
    case 'lag':
      proxy.watches.open();
      proxy.watches.lag = what.events;
      return;
    case 'loss': {
      const random = createRandom(what.seed);
      proxy.watches.drop = ({ type }) => type !== 'BOOKMARK' && random() * 100 < lossPercent;
      return;
    }
  }
};

/** Ends all faults. What was held back is seen; what was lost comes by a new list alone. */
export const endFaults = async (world: World, how: 'and see' | 'and list anew'): Promise<void> => {
  const { proxy } = await world.present();
  proxy.plan = () => undefined;
  proxy.watches.open();
  if (how === 'and list anew') proxy.watches.expire();
};
