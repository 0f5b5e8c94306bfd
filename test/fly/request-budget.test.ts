import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateLimit } from '../../sandbox/fly/rate-limit.ts';
import { createFlyApp } from '../../src/fly/fly-app.ts';
import type { RolloutPolicy } from '../../src/fly/rollout-site.ts';
import { fetch } from '../../src/http/undici.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { API_TOKEN, APP, BASE_URL } from './api-double.ts';
import { FleetDouble } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

/** As https://fly.io/docs/machines/api/working-with-machines-api/#rate-limits has it, per action and machine or app. */
const PUBLISHED = { perSecond: 1, burst: 3 };
const READING_A_MACHINE = { perSecond: 5, burst: 10 };
const MACHINE = /\/machines\/[^/]+$/;
const CHECKED = { checks: { alive: { type: 'http', interval: '10s' } } };
const VALUE = new SecretValue('canary-value');
const RELOAD: RolloutPolicy = {
  ...ROLLING,
  strategy: 'Reload',
  reload: { path: '/data/token', value: VALUE },
};

interface Refresh {
  /** By method and kind of path. */
  readonly requests: Readonly<Record<string, number>>;
  readonly total: number;
  /** Requests that Fly would have answered 429. */
  readonly tooMany: readonly string[];
  /** How long it took, when machines get well at once and answers take no time. */
  readonly seconds: number;
}

/** Writes a secret and rolls it out to `running` machines that get well at once, against Fly's limits. */
async function refresh(running: number, policy: RolloutPolicy): Promise<Refresh> {
  using fly = new FleetDouble();
  const { clock } = fly;
  fly.always('secret', { status: 201, body: { version: 7, digest: 'd' } });
  for (let index = 0; index < running; index += 1) fly.add(`m${index}`, {}, CHECKED);
  const limit = new RateLimit();
  const requests: Record<string, number> = {};
  const tooMany: string[] = [];
  const counted = ((request: Parameters<typeof fetch>[0] & { method: string; url: string }) => {
    const { pathname } = new URL(request.url);
    const name = `${request.method} ${pathname}`.replace(/\/m\d+/, '/:id');
    requests[name] = (requests[name] ?? 0) + 1;
    const isRead = request.method === 'GET' && MACHINE.test(pathname);
    const rate = isRead ? READING_A_MACHINE : PUBLISHED;
    if (limit.take(`${request.method} ${pathname}`, rate, clock.monotonic()) > 0) tooMany.push(name);
    return fetch(request);
  }) as unknown as typeof globalThis.fetch;
  const app = createFlyApp({
    ...{ baseUrl: BASE_URL, app: APP, apiToken: new SecretValue(API_TOKEN), clock },
    ...{ fetch: counted, userAgent: 'tokenbinding-controller/test' },
  });
  const startedAt = clock.monotonic();
  const { secretsVersion } = await app.setSecret('TOKEN', VALUE);
  for (;;) {
    const { state, retryAt = 0 } = await app.advanceRollout({ secretsVersion, marker: 'marker' }, policy);
    if (state === 'done') break;
    if (state === 'waiting') await clock.advance(retryAt - clock.now());
    else assert.equal(state, 'advanced');
  }
  const total = Object.values(requests).reduce((sum, count) => sum + count, 0);
  return { requests, total, tooMany, seconds: (clock.monotonic() - startedAt) / 1000 };
}

const PATH = `/v1/apps/${APP}`;
const PATH_OF_MACHINE = `POST ${PATH}/machines/:id`;

for (const running of [2, 50]) {
  test(`a refresh of ${running} running machines costs 8 requests each and one write`, async () => {
    const { requests, total, tooMany } = await refresh(running, ROLLING);
    assert.deepEqual(requests, {
      [`POST ${PATH}/secrets/TOKEN`]: 1,
      [`GET ${PATH}/machines`]: running,
      [`POST ${PATH}/machines/:id/lease`]: running,
      [`GET ${PATH}/machines/:id`]: 2 * running,
      [`GET ${PATH}/machines/:id/versions`]: running,
      [`POST ${PATH}/machines/:id`]: running,
      [`GET ${PATH}/machines/:id/wait`]: running,
      [`DELETE ${PATH}/machines/:id/lease`]: running,
    });
    assert.equal(total, 8 * running + 1);
    assert.deepEqual(tooMany, [], 'within the published limits');
  });

  test(`with Reload a refresh of ${running} running machines costs 3 requests each, and a proof`, async () => {
    const { requests, total, tooMany } = await refresh(running, RELOAD);
    const count = (name: string) => requests[`${PATH_OF_MACHINE}/${name}`];
    assert.deepEqual([count('exec'), count('metadata/marker_2cdaf569')], [running, running]);
    assert.equal(requests[`GET ${PATH}/machines`], 2 + Math.ceil((running - 1) / 8));
    const proof = total - 1 - 3 * running - (2 + Math.ceil((running - 1) / 8));
    assert.ok(proof > 0 && proof <= 20, `${proof} requests until the first machine is proven`);
    assert.deepEqual(tooMany, [], 'within the published limits');
  });
}

test('a look at the API token before a first write costs one request', async () => {
  using fly = new FleetDouble();
  fly.always('secretList', { status: 200, body: { secrets: [] } });
  assert.equal(await fly.app().preflight(), undefined);
  assert.equal(fly.calls.length, 1);
});

test('a look at machines that all have the token costs one request, with Reload as well', async () => {
  for (const policy of [ROLLING, RELOAD]) {
    using fly = new FleetDouble();
    for (const id of ['m1', 'm2', 'm3']) fly.add(id, {}, { metadata: { marker: `${id}:7` } });
    const { state } = await fly.app().advanceRollout({ secretsVersion: 7, marker: 'marker' }, policy);
    assert.deepEqual([state, fly.calls.map(({ action }) => action)], ['done', ['list']]);
  }
});

test('several machines at a time spare lists: 50 machines, five down at most, are done in 362 requests', async () => {
  const { requests, total, tooMany } = await refresh(50, { ...ROLLING, maxUnavailable: { count: 5 } });
  assert.equal(requests[`GET ${PATH}/machines`], 1 + Math.ceil(49 / 5));
  assert.equal(total, 1 + 7 * 50 + 11);
  assert.deepEqual(tooMany, []);
});

test("the lists of 50 machines, one at a time, take no longer than Fly's limits ask for", async () => {
  const { seconds } = await refresh(50, ROLLING);
  assert.ok(seconds > 45 && seconds < 60, `${seconds} s`);
});
