import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type ObservationServer, startServer } from '../../controller/server.ts';

describe('the observation server', () => {
  let server: ObservationServer;
  let ready = false;
  let healthy = true;
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.address.port}${path}`, { method });
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      body: await response.text(),
    };
  };

  before(async () => {
    server = await startServer({
      host: '127.0.0.1',
      port: 0,
      metrics: { contentType: 'text/plain; version=0.0.4', metrics: async () => 'tokenbinding_leader 1\n' },
      health: { workers: () => healthy },
      readiness: {
        caches: () => ready,
        broken: () => {
          throw new Error('secret detail');
        },
      },
    });
  });
  after(() => server.close());

  it('serves metrics in the registry’s own type', async () => {
    assert.deepEqual(await get('/metrics'), {
      status: 200,
      type: 'text/plain; version=0.0.4',
      body: 'tokenbinding_leader 1\n',
    });
  });

  it('is healthy until a check says that only a restart can help', async () => {
    assert.equal((await get('/healthz')).status, 200);
    healthy = false;
    assert.deepEqual(
      [(await get('/healthz')).status, (await get('/healthz')).body],
      [503, 'failing: workers\n'],
    );
    healthy = true;
  });

  it('names what is not ready, and a check that throws by its name alone', async () => {
    assert.equal((await get('/readyz')).body, 'failing: caches, broken\n');
    ready = true;
    assert.equal((await get('/readyz')).body, 'failing: broken\n');
  });

  it('knows no other page and no other method', async () => {
    assert.equal((await get('/')).status, 404);
    assert.equal((await get('/metrics', 'POST')).status, 405);
    assert.equal((await get('/healthz', 'HEAD')).status, 200);
  });

  it('closes at once, idle connections included', async () => {
    const second = await startServer({
      host: '127.0.0.1',
      port: 0,
      metrics: { contentType: '', metrics: async () => '' },
      health: {},
      readiness: {},
    });
    const socket = connect(second.address.port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    const gone = new Promise((resolve) => socket.once('close', resolve));
    await second.close();
    await gone;
  });
});
