import { createServer, type Server } from 'node:http';
import type { Registry } from 'prom-client';

/** `/livez`, `/readyz` and `/metrics`. A standby is ready too: it holds warm caches. */
export const createProbeServer = (metrics: Registry, isReady: () => boolean): Server =>
  createServer((request, response) => {
    const answer = (status: number, body: string, type = 'text/plain') =>
      response.writeHead(status, { 'content-type': type }).end(body);
    switch (request.url) {
      case '/livez':
        return answer(200, 'ok');
      case '/readyz':
        return isReady() ? answer(200, 'ok') : answer(503, 'the caches are being filled');
      case '/metrics':
        return metrics.metrics().then(
          (text) => answer(200, text, metrics.contentType),
          () => answer(500, 'metrics could not be collected'),
        );
      default:
        return answer(404, 'not found');
    }
  });
