import type { RequestHandler } from 'express';

const refuse = (response: Parameters<RequestHandler>[1], description: string): void => {
  response.status(400).set('Cache-Control', 'no-store');
  response.json({ error: 'invalid_request', error_description: description });
};

/**
 * Refuses bodies that are not plain UTF-8, with 400. oidc-provider decodes all of them as such, whatever they say, and
 * would take one text for another; express's parser would inflate them, and calls a body that does not inflate our fault.
 */
export const requirePlainUtf8: RequestHandler = (request, response, next) => {
  const [, charset] = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(request.headers['content-type'] ?? '') ?? [];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    refuse(response, 'the body must be UTF-8');
    return;
  }
  const coding = request.headers['content-encoding'] ?? 'identity';
  if (!/^(identity)?$/i.test(coding.trim())) {
    refuse(response, 'the body must not be compressed');
    return;
  }
  next();
};
