import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PreflightFailure } from '../../src/fly/preflight.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { type Answer, APP, ApiDouble } from './api-double.ts';

const FIX = `create a token with \`fly tokens create deploy -a ${APP}\` and put it into the referenced Secret`;
const DEPLOY = { token_id: 'canary-id', apps: [APP], organization: 'canary-org', org_slug: 'canary-slug' };
const ORGANIZATION = { token_id: 'canary-id', organization: 'canary-org', org_slug: 'canary-slug' };

const FORBIDDEN: Answer = { status: 403, body: { error: 'canary' } };

/** Asks once, of an app whose secrets may not be listed unless told otherwise; nothing an answer said is repeated. */
async function ask(asked: {
  readonly token: Answer | Error;
  readonly list?: Answer | Error;
  readonly apiToken?: string;
}): Promise<{ failure: PreflightFailure | undefined; calls: readonly string[] }> {
  using fly = new ApiDouble();
  const { token, list = FORBIDDEN, apiToken } = asked;
  fly.always('token', () => token);
  fly.always('secretList', () => list);
  const failure = await fly.app(apiToken === undefined ? {} : { apiToken }).preflight();
  if (failure) {
    assert.equal(failure.disposition, 'stall');
    assert.doesNotMatch(failure.message, /canary/);
    assert.match(failure.message, new RegExp(`^Fly app ${APP}`));
  }
  return { failure, calls: fly.calls.map(({ action }) => action) };
}

const READ: Answer = { status: 200, body: { secrets: [] } };
const tokens = (...list: readonly unknown[]): Answer => ({ status: 200, body: { tokens: list } });

for (const [kind, facts] of Object.entries({
  'of the app': [DEPLOY],
  'of several apps, this one among them': [{ apps: ['shop', APP] }],
  'of every app': [{ apps: ['*'], org_slug: 'canary' }],
  'of an organization': [ORGANIZATION],
  'with a user to its name': [{ ...ORGANIZATION, user: 'canary-user' }],
  'of the app beside one of another': [{ apps: ['shop'] }, DEPLOY],
  'of another app beside one of an organization': [{ apps: ['shop'] }, ORGANIZATION],
  'of apps known by number': [{ apps: ['1234', '5678'] }],
  'that tells of itself in words unknown to us': [{ apps: ['a-name-that-is-none'] }],
  'of the machine that asks': [{ ...DEPLOY, restricted_to_machine: 'm1', source_machine_id: 'm1' }],
})) {
  test(`nothing is wrong with a token ${kind} that reads the app's secrets, which one request tells`, async () => {
    assert.deepEqual(await ask({ token: tokens(...facts), list: READ }), {
      failure: undefined,
      calls: ['secretList'],
    });
  });
}

test('a token of another app, to which this one is closed, is explained by the name of the other', async () => {
  const { failure, calls } = await ask({ token: tokens({ ...DEPLOY, apps: ['shop'] }) });
  assert.equal(failure?.reason, 'Unauthorized');
  const told = `the API token is of another app (shop); ${FIX} (fly-request-id req-1)`;
  assert.equal(failure?.message, `Fly app ${APP}: ${told}.`);
  assert.deepEqual(calls, ['secretList', 'token']);
});

test('the way out names the Secret and the key, where they are known', async () => {
  using fly = new ApiDouble();
  fly.always('secretList', { status: 401 });
  const failure = await fly.app({ kept: { name: 'fly-deploy', key: 'token' } }).preflight();
  assert.match(
    failure?.message ?? '',
    /` and put it under key token of Secret fly-deploy \(fly-request-id req-1\)\.$/,
  );
});

test("what is no app's name is not repeated as one", async () => {
  for (const name of ['canary text', 'CANARY', 'fm2_canary', '<b>canary</b>', `canary${'a'.repeat(60)}`, 7]) {
    const { failure } = await ask({ token: tokens({ apps: [name] }) });
    assert.match(failure?.message ?? '', /is of another app, or made for something else/);
  }
});

test('a token for use inside a machine is refused', async () => {
  const facts = { ...DEPLOY, restricted_to_machine: 'canary-machine' };
  const { failure } = await ask({ token: tokens(facts) });
  assert.match(failure?.message ?? '', /works only from inside a machine of Fly; create a token/);
});

for (const apiToken of ['fo1_canary', 'Bearer fo1_canary\n', 'fm2_canary,fo1_canary']) {
  test(`a personal token pasted as ${JSON.stringify(apiToken)} is refused without being sent`, async () => {
    const { failure, calls } = await ask({ token: tokens(DEPLOY), apiToken });
    assert.equal(failure?.reason, 'Unauthorized');
    assert.match(
      failure?.message ?? '',
      /personal one \(`fly auth token`\).*ends with the login; create a token/,
    );
    assert.deepEqual(calls, []);
  });
}

test('an empty token, and one that no header can carry, are refused without being sent', async () => {
  for (const apiToken of ['', 'FlyV1 \n', 'fm2_canary fm2_canary', '{"token": "canary"}']) {
    const { failure, calls } = await ask({ token: tokens(DEPLOY), apiToken });
    assert.match(failure?.message ?? '', /empty or holds characters that no token has; create a token/);
    assert.deepEqual(calls, []);
  }
});

test('a token that Fly does not accept is expired or revoked', async () => {
  const list = { status: 401, body: 'canary' };
  const { failure, calls } = await ask({ token: tokens(DEPLOY), list, apiToken: 'fm2_a,fm2_b' });
  assert.deepEqual(calls, ['secretList']);
  assert.equal(
    failure?.message,
    `Fly app ${APP}: Fly does not accept the API token (HTTP 401): it is expired or revoked; ${FIX} ` +
      '(fly-request-id req-1).',
  );
});

test('one of a single part may have lost its discharges besides', async () => {
  const { failure } = await ask({ token: tokens(DEPLOY), list: { status: 401 }, apiToken: 'FlyV1 fm2_a' });
  assert.match(
    failure?.message ?? '',
    /expired or revoked, or only the first of the parts, joined by commas/,
  );
});

for (const [kind, facts, says] of [
  [
    'an organization',
    ORGANIZATION,
    /of another organization than the app, or its owner may not manage the app/,
  ],
  ['a person', { ...ORGANIZATION, user: 'canary' }, /of another organization than the app/],
  ['apps known by number', { apps: ['1234'] }, /of another app, or made for something else/],
  ['the app, but not for its secrets', DEPLOY, /made for something else, such as running commands/],
] as const) {
  test(`a token of ${kind} that may not read the app's secrets is explained`, async () => {
    const { failure } = await ask({ token: tokens(facts), list: { status: 403, body: 'canary' } });
    assert.equal(failure?.reason, 'Unauthorized');
    assert.match(failure?.message ?? '', says);
    assert.match(failure?.message ?? '', /\(HTTP 403\); create a token .* \(fly-request-id req-1\)\.$/);
  });
}

test('an app that the token does not see is missing, or of another organization', async () => {
  const { failure } = await ask({ token: tokens(ORGANIZATION), list: { status: 404, body: 'canary' } });
  assert.equal(failure?.reason, 'AppNotFound');
  assert.match(failure?.message ?? '', /does not exist, or not in the organization of the API token/);
});

const SILENT: Readonly<Record<string, Answer | Error>> = {
  'a 401': { status: 401 },
  'a 403': { status: 403 },
  'a 404': { status: 404, body: { error: 'canary' } },
  'a 429': { status: 429 },
  'a 500': { status: 500, body: '<html>canary</html>', headers: { 'content-type': 'text/html' } },
  'no JSON': { status: 200, body: '<html>canary</html>', headers: { 'content-type': 'text/html' } },
  'no answer': new Error('canary'),
  'no tokens': tokens(),
  'other JSON': { status: 200, body: { tokens: 'canary' } },
  'an unknown entry': tokens({ ...DEPLOY, apps: ['shop'] }, { canary: true }),
  'entries of no shape': tokens(null, 7, 'canary', []),
};
for (const [what, token] of Object.entries(SILENT)) {
  test(`where Fly does not tell what a token is for (${what}), nothing is said`, async () => {
    assert.deepEqual(await ask({ token }), { failure: undefined, calls: ['secretList', 'token'] });
  });
}

for (const status of [408, 429, 500, 503]) {
  test(`a list of secrets that fails with ${status} says nothing about the token`, async () => {
    const { failure, calls } = await ask({ token: tokens(DEPLOY), list: { status } });
    assert.deepEqual([failure, calls], [undefined, ['secretList']]);
  });
}

test('a caller that gives up gets its own reason', async () => {
  using fly = new ApiDouble();
  const signal = AbortSignal.abort(new Error('lost the lease'));
  await assert.rejects(fly.app().preflight(signal), { message: 'lost the lease' });
});

test('a refused write tells what a look at the token found', async () => {
  using fly = new ApiDouble();
  fly.always('secret', FORBIDDEN);
  for (const list of [FORBIDDEN, READ, FORBIDDEN]) fly.once('secretList', list);
  fly.once('token', tokens({ apps: ['shop'] }));
  fly.once('token', { status: 503 });
  for (const says of [
    /the API token is of another app \(shop\)/,
    /may read the app but not change it \(HTTP 403\): it is read-only or too narrow; create a token/,
    /valid, but not for this \(HTTP 403\)/,
  ]) {
    await assert.rejects(fly.app().setSecret('TOKEN', new SecretValue('canary')), ({ failure }) => {
      assert.equal(failure.reason, 'Unauthorized');
      assert.match(failure.message, says);
      return true;
    });
  }
});

test('a write that fails otherwise costs no look at the token', async () => {
  using fly = new ApiDouble();
  fly.always('secret', { status: 503 });
  await assert.rejects(fly.app().setSecret('TOKEN', new SecretValue('canary')));
  assert.deepEqual(
    fly.calls.map(({ action }) => action),
    ['secret'],
  );
});
