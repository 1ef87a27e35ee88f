import { expect, it } from 'vitest';
import { createProgress } from '../tools/machine/progress.ts';
import { describeFailure, runLoggedStep, StepFailure } from './logged-step.ts';

const run = async (message: string) => {
  let printed = '';
  const write = (text: string): void => {
    printed += text;
  };
  const output = { now: () => 0, write };
  const failure: unknown = await runLoggedStep(createProgress(output), { name: 'operator', log: 'operator.log' }, () =>
    Promise.reject(new Error(message)),
  ).catch((error: unknown) => error);
  if (!(failure instanceof StepFailure)) throw new Error('not a StepFailure');
  return printed + describeFailure(failure);
};

it('says once what is wrong, and where the log is', async () => {
  expect(await run('no replica is available')).toBe(
    '  ✗ operator       no replica is available\nMore about it: operator.log',
  );
});

it('keeps the lines of a message that the progress leaves out', async () => {
  expect(await run('it ended\nexit code 3')).toMatch(/it ended\nexit code 3\nMore about it: operator\.log$/);
});

it('hands on what a step returns', async () => {
  const progress = createProgress({ now: () => 0, write: () => undefined });
  expect(await runLoggedStep(progress, { name: 'operator', log: '' }, async () => 'done')).toBe('done');
});
