import type { Situation } from '../situation.ts';
import type { TenantVerdict } from '../status/tenant-verdicts.ts';
import { versionOfTemplate } from './target-version.ts';

/**
 * What holds of database and services, in the order in which they change: the first that does not hold is what the tenant
 * waits for, and of an upgrade it says from where, to where and at which step that is.
 */
export const tellUpgrade = (
  database: TenantVerdict,
  {
    available,
    rollout,
    live,
    running,
    target,
  }: Pick<Situation, 'available' | 'rollout' | 'live' | 'running' | 'target'>,
): TenantVerdict[] => {
  const { direction, order, open, current } = rollout;
  if (direction === 'none') return [database, ...order.map((component) => available[component])];
  const way = `${direction === 'up' ? 'upgrade' : 'downgrade'} from ${running ?? 'an unknown version'} to ${target.version}`;
  const tell = (step: string, verdict: TenantVerdict): TenantVerdict =>
    verdict.status === 'True' ? verdict : { ...verdict, message: `${way}, at ${step}: ${verdict.message}` };
  return [
    tell('the migration of the database', database),
    ...order.map((component): TenantVerdict => {
      const verdict = available[component];
      if (component === current) return tell(component, verdict);
      if (open.includes(component)) return verdict;
      const message = `${way}: ${component} goes on with ${versionOfTemplate(live.deployment(component))} until ${current} runs ${target.version} completely`;
      return { type: verdict.type, status: 'False', reason: 'Waiting', message };
    }),
  ];
};
