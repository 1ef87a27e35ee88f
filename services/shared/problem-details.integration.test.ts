import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMetrics } from './metrics.ts';
import { problemHandler } from './problem-details.ts';

describe('an express app', () => {
  const logged: string[] = [];
  const metrics = createMetrics('test');
  let server: Server;
  let origin: string;
  beforeAll(async () => {
    const app = express();
    app.use(metrics.requestDurations((request) => (request.path === '/items' ? 'items' : 'none')));
    app.use(express.json({ limit: 100 }));
    app.post('/items', (request, response) => {
      response.json(request.body);
    });
    app.get('/broken', () => {
      throw new Error('the secret is s3cret');
    });
    app.use(problemHandler(pino({}, { write: (line: string) => logged.push(line) })));
    server = createServer(app);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const post = (body: string) =>
    fetch(`${origin}/items`, { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });

  it.each([
    ['{"a":', 400, 'urn:identity-operator:problem:malformed-body'],
    [JSON.stringify('x'.repeat(200)), 413, 'urn:identity-operator:problem:body-too-large'],
  ])('tells what is wrong with the body %s', async (body, status, type) => {
    const answer = await post(body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await answer.json()).toMatchObject({ status, type });
  });

  it('tells nothing of an exception but the id of its log entry', async () => {
    const answer = await fetch(`${origin}/broken`);
    expect(answer.status).toBe(500);
    const text = await answer.text();
    expect(text).not.toMatch(/s3cret|at /);
    expect(logged.join()).toContain(JSON.parse(text).correlationId);
  });

  it('counts by route and status, never by raw path', async () => {
    await (await post('{}')).text();
    await (await fetch(`${origin}/whatever/123`)).text();
    const text = await metrics.registry.metrics();
    expect(text).toContain(
      'http_request_duration_seconds_count{component="test",route="items",method="POST",status="200"} 1',
    );
    expect(text).toContain('route="none",method="GET",status="404"');
    expect(text).not.toContain('whatever');
  });
});
