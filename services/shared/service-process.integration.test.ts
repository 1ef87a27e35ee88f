import { createServer } from 'node:http';
import { pino } from 'pino';
import { Agent, request } from 'undici';
import { describe, expect, it } from 'vitest';
import { createMetrics } from './metrics.ts';
import { startService } from './service-process.ts';
import { eventually } from './testing/condition.ts';

const logger = pino({ level: 'silent' });

describe('a service', () => {
  const start = (options: { drainMilliseconds: number; handler?: Parameters<typeof createServer>[1] }) => {
    const state = { ready: true, shutDown: false };
    const server = createServer(options.handler ?? ((_request, response) => response.end('hello')));
    const started = startService({
      name: 'test',
      settings: { listenAddress: '127.0.0.1', probePort: 0, drainMilliseconds: options.drainMilliseconds },
      logger,
      servers: [{ name: 'public', server, port: 0 }],
      ready: () => (state.ready ? [] : ['keys not loaded']),
      metrics: createMetrics('test').registry,
      onShutdown: () => {
        state.shutDown = true;
      },
    });
    return { started, state };
  };
  const get = async (port: number | undefined, path: string, agent = new Agent()) => {
    const { statusCode, headers, body } = await request(`http://127.0.0.1:${port}${path}`, { dispatcher: agent });
    return { status: statusCode, connection: headers['connection'], text: await body.text() };
  };

  it('tells by its probes whether it is ready, and why not', async () => {
    const { started, state } = start({ drainMilliseconds: 0 });
    const { ports, stop } = await started;
    expect(await get(ports['probe'], '/readyz')).toMatchObject({ status: 200 });
    state.ready = false;
    expect(await get(ports['probe'], '/readyz')).toMatchObject({ status: 503, text: 'keys not loaded\n' });
    expect(await get(ports['probe'], '/livez')).toMatchObject({ status: 200 });
    expect((await get(ports['probe'], '/metrics')).text).toContain('process_cpu_seconds_total');
    expect(await get(ports['probe'], '/other')).toMatchObject({ status: 404 });
    await stop();
  });

  it('answers every request of new and of reused connections while it drains', async () => {
    const { started, state } = start({ drainMilliseconds: 2_000 });
    const { ports, stop } = await started;
    const reused = new Agent({ connections: 1, keepAliveTimeout: 60_000, keepAliveMaxTimeout: 60_000 });
    expect(await get(ports['public'], '/', reused)).toMatchObject({ status: 200, connection: 'keep-alive' });

    const outcomes: { status: number; connection: unknown }[] = [];
    let ended = false;
    const stopped = stop().then(() => {
      ended = true;
    });
    for (let round = 0; round < 10; round += 1) {
      outcomes.push(await get(ports['public'], '/', reused), await get(ports['public'], '/'));
    }
    expect(ended).toBe(false);
    expect(outcomes.every(({ status, connection }) => status === 200 && connection === 'close')).toBe(true);
    expect(await get(ports['probe'], '/readyz')).toMatchObject({ status: 503, text: 'draining\n' });
    await stopped;
    expect(state.shutDown).toBe(true);
    await expect(get(ports['public'], '/')).rejects.toThrow();
  });

  it('finishes what is in flight, after it has stopped to listen', async () => {
    const answers: (() => void)[] = [];
    const { started, state } = start({
      drainMilliseconds: 0,
      handler: (request, response) => {
        if (request.url === '/late') {
          answers.push(() => response.end('late'));
          return;
        }
        response.end('hello');
      },
    });
    const { ports, stop } = await started;
    const late = get(ports['public'], '/late');
    await eventually(() => answers.length === 1);
    const stopped = stop();
    await eventually(() =>
      get(ports['public'], '/').then(
        () => false,
        () => true,
      ),
    );
    expect(state.shutDown).toBe(false);
    answers[0]?.();
    expect(await late).toMatchObject({ status: 200, text: 'late', connection: 'close' });
    await stopped;
    expect(state.shutDown).toBe(true);
  });
});
