import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { FencedError, LONGEST_EFFECT_MS } from '../../controller/fence.ts';
import { createMetrics, type Metrics } from '../../controller/metrics.ts';
import { createOutgoing, type Outgoing } from '../../controller/outgoing.ts';
import { ProviderGate } from '../../controller/provider/gate.ts';
import type { Ask } from '../../controller/world.ts';
import { FLY_CALL_DEADLINE_MS } from '../../src/fly/fly-app.ts';
import type { CallLimits } from '../../src/http/egress.ts';
import { Response } from '../../src/http/undici.ts';
import { TOKEN_REQUEST_LIMITS, type TokenRequest } from '../../src/oauth/token-request.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { ROLLING } from '../fly/policy-fixture.ts';
import { FakeClock } from '../support/fake-clock.ts';

const FLY = 'https://fly.test';
const LIMITS = { requestsPerSecond: 100, burst: 100, concurrency: 4 };
const WRITTEN = { version: 7, digest: 'd1' };
const TOKEN = { access_token: 'opaque', token_type: 'Bearer', expires_in: 3600 };

interface Sent {
  readonly method: string;
  readonly url: string;
  readonly userAgent: string | null;
  readonly deadlineMs: number;
}

let clock: FakeClock;
let metrics: Metrics;
let outgoing: Outgoing;
/** How long the Lease holds, in ms. */
let lease: number;
let sent: Sent[];
/** What the outside says. */
let answer: (method: string) => Response;

beforeEach(() => {
  clock = new FakeClock();
  metrics = createMetrics({ version: '0' });
  [lease, sent] = [LONGEST_EFFECT_MS, []];
  answer = () => Response.json(TOKEN);
  const fetchWithin = ({ deadlineMs }: CallLimits) =>
    (async (input: Request | string | URL, init?: RequestInit) => {
      const request = typeof input === 'object' && 'method' in input ? input : undefined;
      const headers = new Headers(request ? [...request.headers] : init?.headers);
      const method = request?.method ?? init?.method ?? 'GET';
      const url = request?.url ?? String(input);
      sent.push({ method, url, userAgent: headers.get('user-agent'), deadlineMs });
      clock.pause(250);
      return answer(method);
    }) as unknown as typeof globalThis.fetch;
  outgoing = createOutgoing({
    egress: { fetch: fetchWithin, close: async () => {} },
    gate: new ProviderGate({ clock, limits: LIMITS, meters: metrics.gate }),
    ...{ remaining: () => lease, metrics, clock, flyApiUrl: FLY, userAgent: 'controller/0' },
  });
});

const clientSecret = new SecretValue('hidden');
const REQUEST: TokenRequest = {
  source: {
    ...{ issuer: 'https://acme.test/', tokenEndpoint: 'https://acme.test/oauth/token', scopes: [] },
    parameters: { audience: 'https://api.test' },
  },
  client: { type: 'ClientSecret', method: 'Post', clientId: 'id', clientSecret },
};
const ASK: Ask = {
  ...{ key: 'team/api', expiresAt: undefined, urgent: false, skewMs: undefined },
  ...{ deadlineMs: TOKEN_REQUEST_LIMITS.deadlineMs, onReport: () => {} },
};
const never = () => new AbortController().signal;
const flyApp = () => outgoing.flyApp('shop', new SecretValue('FlyV1 fm2_x'));

async function providerRequests(): Promise<Record<string, number>> {
  const { values } = await metrics.providerRequests.get();
  return Object.fromEntries(values.map(({ labels, value }) => [labels.code, value]));
}

test('a token is asked for once, at its issuer, within the bounds of a token request', async () => {
  const token = await outgoing.requestToken(REQUEST, ASK, never());
  assert.equal(token.value.reveal(), 'opaque');
  assert.deepEqual(
    sent.map(({ method, url, deadlineMs }) => [method, url, deadlineMs]),
    [['POST', 'https://acme.test/oauth/token', TOKEN_REQUEST_LIMITS.deadlineMs]],
  );
});

test('no token is asked for while the Lease may end before the answer', async () => {
  lease = TOKEN_REQUEST_LIMITS.deadlineMs - 1;
  await assert.rejects(outgoing.requestToken(REQUEST, ASK, never()), FencedError);
  assert.deepEqual(sent, []);
  assert.deepEqual(await providerRequests(), {});
});

test('token requests are counted by status, and timed', async () => {
  await outgoing.requestToken(REQUEST, ASK, never());
  answer = () => Response.json({ error: 'access_denied' }, { status: 401 });
  await assert.rejects(outgoing.requestToken(REQUEST, ASK, never()));
  answer = () => {
    throw new TypeError('fetch failed');
  };
  await assert.rejects(outgoing.requestToken(REQUEST, ASK, never()));
  assert.deepEqual(await providerRequests(), { 200: 1, 401: 1, error: 1 });
  const { values } = await metrics.providerRequestDuration.get();
  const of = (name: string) => values.find(({ metricName }) => metricName?.endsWith(name))?.value;
  assert.deepEqual([of('_count'), of('_sum')], [3, 0.75]);
});

test('a secret is written to Fly by who we say we are, in less time than a Lease lasts', async () => {
  answer = () => Response.json(WRITTEN);
  const written = await flyApp().setSecret('TOKEN', new SecretValue('t'));
  assert.deepEqual(written, { secretsVersion: 7, digest: 'd1' });
  assert.equal(sent[0]?.url, `${FLY}/v1/apps/shop/secrets/TOKEN`);
  assert.match(String(sent[0]?.userAgent), /controller\/0/);
  assert.ok((sent[0]?.deadlineMs ?? Number.NaN) <= LONGEST_EFFECT_MS);
});

test('without the Lease Fly is not written to, which is no failure of Fly', async () => {
  lease = LONGEST_EFFECT_MS - 1;
  await assert.rejects(flyApp().setSecret('TOKEN', new SecretValue('t')), FencedError);
  await assert.rejects(flyApp().unsetSecret('TOKEN'), FencedError);
  assert.deepEqual(sent, []);
});

test('without the Lease a rollout may look, with time to wait for a machine, but not touch', async () => {
  lease = 0;
  answer = () => Response.json([{ id: 'm1', state: 'started', instance_id: 'v1', config: { image: 'i' } }]);
  await assert.rejects(
    flyApp().advanceRollout({ secretsVersion: 7, marker: 'marker' }, ROLLING),
    FencedError,
  );
  assert.deepEqual(
    sent.map(({ method, deadlineMs }) => [method, deadlineMs]),
    [['GET', FLY_CALL_DEADLINE_MS]],
  );
});
