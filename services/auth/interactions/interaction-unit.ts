import type { Request, RequestHandler, Response } from 'express';
import type { RenderedPage } from '../pages/pages.ts';
import { type CommitOutcome, commitUnit } from '../unit-of-work/commit.ts';
import { type OpenUnit, runInUnit } from '../unit-of-work/current-unit.ts';
import { decideReleasedEvents } from '../unit-of-work/provider-events.ts';
import type { UnitOptions } from '../unit-of-work/unit-middleware.ts';
import { createUnitOfWork } from '../unit-of-work/unit-of-work.ts';

/** What a route answers, as a value: it is sent after the commit. */
export type InteractionAnswer =
  | {
      kind: 'page';
      status: number;
      page: RenderedPage;
      retryAfterSeconds?: number;
      setCookies?: readonly string[];
    }
  | { kind: 'redirect'; location: string; setCookies?: readonly string[] };

export type InteractionRoute = (request: Request, response: Response) => Promise<InteractionAnswer>;

export type InteractionUnitOptions = UnitOptions & {
  /** The answer when the work was not written, or when the route threw (`error`). */
  answerFailure: (
    failure: Exclude<CommitOutcome, { kind: 'committed' }> | { kind: 'threw'; error: unknown },
  ) => InteractionAnswer;
};

const send = (response: Response, answer: InteractionAnswer): void => {
  for (const cookie of answer.setCookies ?? []) response.append('Set-Cookie', cookie);
  if (answer.kind === 'redirect') {
    response.set('Cache-Control', 'no-store').redirect(303, answer.location);
    return;
  }
  if (answer.retryAfterSeconds !== undefined) response.set('Retry-After', String(answer.retryAfterSeconds));
  response.status(answer.status).set(answer.page.headers).send(answer.page.body);
};

/**
 * Runs a route in a unit of work and commits before anything is sent. oidc-provider's `interactionFinished` would send
 * the redirect itself, ahead of the commit: routes use `interactionResult`.
 */
export const inUnit =
  (
    { store, newCommitId, now, metrics, answerFailure }: InteractionUnitOptions,
    route: InteractionRoute,
  ): RequestHandler =>
  async (request, response) => {
    const open: OpenUnit = { unit: createUnitOfWork(store.find, now), events: [] };
    try {
      const answer = await runInUnit(open, () => route(request, response));
      const outcome = await commitUnit(open.unit, { route: 'interaction', store, newCommitId });
      metrics.countCommit(outcome);
      for (const { emit } of decideReleasedEvents(open.events, { failed: false, outcome })) emit();
      send(response, outcome.kind === 'committed' ? answer : answerFailure(outcome));
    } catch (error) {
      send(
        response,
        answerFailure(open.unit.staged.away ? { kind: 'unavailable', cause: error } : { kind: 'threw', error }),
      );
    }
  };
