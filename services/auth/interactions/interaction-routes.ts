import express, { type RequestHandler, Router } from 'express';
import { issuerPath, paths } from '../provider/issuer.ts';
import { createDeviceCookies } from '../throttling/device-cookies.ts';
import { createAnswerFailure } from './answer-failure.ts';
import { createConsentRoute } from './consent-routes.ts';
import { createForgotRoutes } from './forgot-routes.ts';
import { createInteractionContext, type InteractionOptions } from './interaction-context.ts';
import { type InteractionRoute, inUnit } from './interaction-unit.ts';
import { createRegisterRoutes } from './register-routes.ts';
import { createSignInRoutes } from './sign-in-routes.ts';

/** Our forms are a few hundred bytes. */
const formLimitBytes = 16 * 1024;

export const parseForm: RequestHandler = express.urlencoded({
  extended: false,
  limit: formLimitBytes,
  parameterLimit: 20,
});

/** What happens between an authorization request and its answer. */
export const createInteractionRoutes = (options: InteractionOptions): RequestHandler => {
  const { settings } = options;
  const base = `${issuerPath(settings.issuer)}${paths.interaction}`;
  const context = createInteractionContext(options);
  const answerFailure = createAnswerFailure(options);
  const run = (route: InteractionRoute): RequestHandler => inUnit({ ...options, answerFailure }, route);

  const { show, signIn, cancel } = createSignInRoutes(context, createDeviceCookies(options));
  const routes = Router({ mergeParams: true });
  routes.get('/:uid', run(show));
  routes.post('/:uid/sign-in', parseForm, run(signIn));
  if (settings.registrationEnabled) {
    const { showRegister, register } = createRegisterRoutes(context);
    routes.get('/:uid/register', run(showRegister));
    routes.post('/:uid/register', parseForm, run(register));
  }
  if (settings.mail !== undefined) {
    const { showForgot, forgot } = createForgotRoutes(context);
    routes.get('/:uid/forgot', run(showForgot));
    routes.post('/:uid/forgot', parseForm, run(forgot));
  }
  routes.post('/:uid/consent', parseForm, run(createConsentRoute(context)));
  routes.post('/:uid/cancel', parseForm, run(cancel));
  // A reload or a bookmark of what a form was sent to begins with the page again.
  routes.get(['/:uid/sign-in', '/:uid/consent', '/:uid/cancel'], (request, response) => {
    response.redirect(303, `${base}/${encodeURIComponent(String(request.params['uid']))}`);
  });
  return routes;
};
