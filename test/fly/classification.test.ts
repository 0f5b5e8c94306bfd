import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { FailureError } from '../../src/failure.ts';
import { createFlyApp } from '../../src/fly/fly-app.ts';
import { EgressRefusedError } from '../../src/http/egress.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { type Answer, API_TOKEN, APP, ApiDouble } from './api-double.ts';
import { HurriedClock } from './hurried-clock.ts';

const TOKEN = new SecretValue('canary-token');

interface Meaning {
  readonly reason: string;
  readonly disposition: string;
  readonly says: RegExp;
}

const UNAUTHORIZED = { reason: 'Unauthorized', disposition: 'stall' };
const RETRY = { reason: 'PlatformUnavailable', disposition: 'retry' };
const REFUSED = { reason: 'RequestRefused', disposition: 'stall' };
const MEANINGS: Readonly<Record<number, Meaning>> = {
  302: { ...RETRY, says: /HTTP 302/ },
  400: { ...REFUSED, says: /HTTP 400/ },
  401: {
    ...UNAUTHORIZED,
    says: /does not accept the API token.*`fly tokens create deploy -a toolbridge-mcp`/,
  },
  403: { ...UNAUTHORIZED, says: /valid, but not for this.*`fly tokens create deploy -a toolbridge-mcp`/ },
  404: { reason: 'AppNotFound', disposition: 'stall', says: /does not exist, or not in the organization/ },
  408: { ...RETRY, says: /HTTP 408/ },
  409: { ...RETRY, says: /looking again soon/ },
  412: { ...RETRY, says: /looking again soon/ },
  422: { ...REFUSED, says: /HTTP 422/ },
  429: { ...RETRY, says: /rate limit/ },
  500: { ...RETRY, says: /HTTP 500/ },
  503: { ...RETRY, says: /HTTP 503/ },
};

const BODIES: Readonly<Record<string, Pick<Answer, 'body' | 'headers'>>> = {
  JSON: { body: { error: 'unauthorized canary-body' } },
  'plain text': { body: 'canary-body', headers: { 'content-type': 'text/plain' } },
  HTML: { body: '<html>canary-body</html>', headers: { 'content-type': 'text/html' } },
};

for (const [status, { reason, disposition, says }] of Object.entries(MEANINGS)) {
  for (const [kind, body] of Object.entries(BODIES)) {
    test(`status ${status} with a body of ${kind} means ${reason}, to ${disposition}`, async () => {
      using fly = new ApiDouble();
      fly.always('secret', { status: Number(status), ...body });

      const error = await failureOf(fly.app().setSecret('TOKEN', TOKEN));

      assert.deepEqual([error.failure.reason, error.failure.disposition], [reason, disposition]);
      assert.match(error.message, says);
      assert.match(error.message, new RegExp(`Fly app ${APP}.*fly-request-id req-1`));
    });
  }
}

test('Retry-After is kept, in seconds or as a date, on whatever status', async () => {
  using fly = new ApiDouble();
  const inTwoMinutes = Math.ceil(fly.clock.now() / 1_000) * 1_000 + 120_000;
  fly.once('secret', { status: 503, headers: { 'retry-after': '17' } });
  fly.once('secret', { status: 429, headers: { 'retry-after': new Date(inTwoMinutes).toUTCString() } });

  assert.equal(
    (await failureOf(fly.app().setSecret('T', TOKEN))).failure.notBefore,
    fly.clock.now() + 17_000,
  );
  assert.equal((await failureOf(fly.app().setSecret('T', TOKEN))).failure.notBefore, inTwoMinutes);
});

test('a success that is no JSON, and an answer that never comes, are retried', async () => {
  using fly = new ApiDouble();
  fly.once('secret', {
    status: 201,
    body: '<html>canary-body</html>',
    headers: { 'content-type': 'text/html' },
  });
  fly.once('secret', () => new Error('canary-body socket hang up'));

  for (const says of [/could not be understood/, /no answer from the Machines API/]) {
    const { failure, message } = await failureOf(fly.app().setSecret('TOKEN', TOKEN));
    assert.deepEqual([failure.reason, failure.disposition], ['PlatformUnavailable', 'retry']);
    assert.match(message, says);
  }
});

test('an API token that no header can carry stalls without being sent', async () => {
  using fly = new ApiDouble();
  const { failure } = await failureOf(fly.app({ apiToken: `${API_TOKEN} \n x` }).setSecret('TOKEN', TOKEN));

  assert.deepEqual([failure.reason, failure.disposition], ['Unauthorized', 'stall']);
  assert.equal(fly.calls.length, 0);
});

test('a call that our own egress rules forbid names the rule and stalls', async () => {
  const app = createFlyApp({
    baseUrl: 'https://api.fly.test',
    app: APP,
    apiToken: new SecretValue(API_TOKEN),
    fetch: () =>
      Promise.reject(new EgressRefusedError('host', 'api.fly.test', 'add it to --egress-allow-hosts.')),
    clock: new HurriedClock(),
    userAgent: 'test',
  });
  const { failure } = await failureOf(app.setSecret('TOKEN', TOKEN));

  assert.equal(failure.disposition, 'stall');
  assert.match(failure.message, /rule: host.*--egress-allow-hosts\.$/);
});

/** Every failure in this file also passes the canary: no token and nothing of an answer's body is in it. */
async function failureOf(attempt: Promise<unknown>): Promise<FailureError> {
  const error = await attempt.then(
    () => assert.fail('it worked'),
    (cause: unknown) => cause,
  );
  assert.ok(error instanceof FailureError);
  assert.doesNotMatch(inspect(error, { depth: null, showHidden: true }), /canary/);
  return error;
}
