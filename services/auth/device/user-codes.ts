import { randomInt } from 'node:crypto';
import { z } from 'zod';
import type { UnitOfWork } from '../unit-of-work/unit-of-work.ts';

/** Consonants, of which no words are made: the library's `base-20`. */
const letters = 'BCDFGHJKLMNPQRSTVWXZ';
/** As `configuration.ts` and people write it: two groups of four. */
const groupLength = 4;

const drawGroup = (): string => Array.from({ length: groupLength }, () => letters[randomInt(letters.length)]).join('');

/** A code as people read it. */
export const drawUserCode = (): string => `${drawGroup()}-${drawGroup()}`;

const answerSchema = z.looseObject({ user_code: z.string(), verification_uri_complete: z.url() });

/**
 * Another code for a device whose own was taken by the time that it was to be written: in what is staged, and in the answer.
 * @returns the answer; undefined when the request is none that has asked for a code
 */
export const redrawUserCode = (
  unit: Pick<UnitOfWork, 'staged' | 'upsert'>,
  body: unknown,
  draw: () => string = drawUserCode,
): Record<string, unknown> | undefined => {
  const write = [...unit.staged.upserts.values()].find(({ kind }) => kind === 'device_code');
  const answer = answerSchema.safeParse(body);
  if (write === undefined || !answer.success) return undefined;
  const userCode = draw();
  unit.upsert({ ...write, payload: { ...write.payload, userCode: userCode.replaceAll('-', '') } });
  const complete = new URL(answer.data.verification_uri_complete);
  complete.searchParams.set('user_code', userCode);
  return { ...answer.data, user_code: userCode, verification_uri_complete: complete.href };
};
