import { expect, it } from 'vitest';
import { createSessions } from './sessions.ts';

const cookieOf = (setCookie: string): string => setCookie.split(';')[0] ?? '';

it('finds the session of a cookie among others, until it has ended', () => {
  const sessions = createSessions();
  const { session, setCookie } = sessions.begin();
  const header = `theme=dark; ${cookieOf(setCookie)}; other=1`;
  expect(sessions.find(header)).toBe(session);
  expect(sessions.find(cookieOf(sessions.begin().setCookie))).not.toBe(session);
  sessions.end(header);
  expect(sessions.find(header)).toBeUndefined();
});

it('knows no session without a cookie, or with a guessed one', () => {
  const sessions = createSessions();
  sessions.begin();
  expect(sessions.find(undefined)).toBeUndefined();
  expect(sessions.find('example-application=')).toBeUndefined();
  expect(sessions.find('example-application=guess')).toBeUndefined();
});

it('gives up the oldest session when there are too many', () => {
  const sessions = createSessions(2);
  const [first = '', second = '', third = ''] = [0, 1, 2].map(() => cookieOf(sessions.begin().setCookie));
  expect([first, second, third].map((cookie) => sessions.find(cookie) !== undefined)).toEqual([false, true, true]);
});

it('keeps the cookie from scripts and from posts of other sites', () => {
  expect(createSessions().begin().setCookie).toMatch(/; HttpOnly; SameSite=Lax; Path=\/$/);
});
