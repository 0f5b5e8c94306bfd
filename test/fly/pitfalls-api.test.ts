import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { createFlyPacer } from '../../src/fly/fly-pacer.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { ApiDouble, type Call } from './api-double.ts';
import { FleetDouble } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

/** Pitfalls of the Machines API, numbered as in docs/fly-pitfalls.md: requests, answers and what is kept of them. */
const TARGET = { secretsVersion: 7, marker: 'marker' };
const VALUE = new SecretValue('canary-value');
const RELOAD = { ...ROLLING, strategy: 'Reload', reload: { path: '/run/token', value: VALUE } } as const;

for (const [spelling, version] of [
  ['version', { version: 7 }],
  ['Version', { Version: 7 }],
  ['both', { version: 7, Version: 7 }],
] as const) {
  test(`pitfall 18: the version of a write is read from ${spelling}`, async () => {
    using fly = new ApiDouble();
    fly.always('secret', { status: 201, body: { digest: 'd', ...version } });
    fly.always('secrets', { status: 200, body: version });
    assert.equal((await fly.app().setSecret('TOKEN', VALUE)).secretsVersion, 7);
    assert.deepEqual(await fly.app().unsetSecret('TOKEN'), { secretsVersion: 7 });
    assert.deepEqual(fly.made('secrets')[0]?.body, { values: { TOKEN: null } });
  });
}

for (const version of [{}, { version: 0 }, { version: '7' }, { Version: -1 }, { version: 1.5 }]) {
  test(`pitfall 18: ${JSON.stringify(version)} is no version: there would be no floor`, async () => {
    using fly = new ApiDouble();
    fly.always('secret', { status: 201, body: { digest: 'd', ...version } });
    await assert.rejects(fly.app().setSecret('TOKEN', VALUE), { name: 'FailureError' });
  });
}

for (const [pasted, sent] of [
  ['FlyV1 fm2_a,fm2_b\n', 'FlyV1 fm2_a,fm2_b'],
  ['Bearer FlyV1 fm2_a', 'FlyV1 fm2_a'],
  ['fo1_a', 'Bearer fo1_a'],
] as const) {
  test(`pitfall 19: a token pasted as ${JSON.stringify(pasted)} goes out as ${sent}`, async () => {
    using fly = new FleetDouble();
    await fly.app({ apiToken: pasted }).advanceRollout(TARGET, ROLLING);
    assert.equal(fly.calls[0]?.headers.get('authorization'), sent);
  });
}

for (const action of ['list', 'lease', 'get', 'versions', 'update', 'wait'] as const) {
  test(`pitfall 20: nothing that Fly says about ${action} reaches a message, nor does a nonce`, async () => {
    for (const status of [400, 409, 422, 500]) {
      using fly = new FleetDouble();
      fly.add('m1', { nonce: 'canary' }, { env: { PASSWORD: 'canary' } });
      fly.once(action, { status, body: { error: 'canary', details: 'canary' } });
      const told = await fly
        .app()
        .advanceRollout(TARGET, ROLLING)
        .catch((error: unknown) => error);
      assert.doesNotMatch(inspect(told, { depth: null, showHidden: true }), /canary|nonce-/);
    }
  });
}

test('pitfall 20: neither the value of a secret nor what Fly says about it reaches a message', async () => {
  for (const status of [200, 400, 409, 500]) {
    using fly = new ApiDouble();
    for (const action of ['secret', 'secrets', 'secretList'] as const) {
      fly.always(action, { status, body: { error: 'canary' } });
    }
    const app = fly.app();
    const attempts = [
      () => app.setSecret('TOKEN', VALUE),
      () => app.unsetSecret('TOKEN'),
      () => app.secretDigest('TOKEN'),
    ];
    for (const attempt of attempts) {
      await assert.rejects(attempt, (error) => {
        assert.doesNotMatch(inspect(error, { depth: null, showHidden: true }), /canary/);
        return true;
      });
    }
  }
});

test('pitfall 20: nothing that a command prints reaches a message, nor does what it is given', async () => {
  for (const status of [200, 422]) {
    using fly = new FleetDouble();
    fly.add('m1');
    fly.always('exec', { status, body: { exit_code: 1, stdout: 'canary', stderr: 'canary' } });
    const told = await fly.app().advanceRollout(TARGET, RELOAD);
    assert.equal(told.state, 'failed');
    assert.doesNotMatch(inspect(told, { depth: null, showHidden: true }), /canary/);
  }
});

test('pitfall 20: a state or request id that could be any text is not repeated', async () => {
  using fly = new FleetDouble();
  fly.add('m1', { state: 'is: canary' });
  const headers = { 'fly-request-id': 'id: canary' };
  fly.always('list', () => ({ status: 200, body: [...fly.machines.values()], headers }));
  const told = [await fly.app().advanceRollout(TARGET, ROLLING)];
  fly.always('list', { status: 403, headers });
  const refused = await fly
    .app()
    .advanceRollout(TARGET, ROLLING)
    .catch((error: unknown) => error);
  assert.match(inspect(told), /m1/);
  assert.doesNotMatch(inspect([told, refused], { depth: null, showHidden: true }), /canary/);
});

test('pitfall 21: the digest is the one that Fly answered, also when it differs for the same value', async () => {
  using fly = new ApiDouble();
  for (const digest of ['0123456789abcdef', 'another']) {
    fly.once('secret', { status: 201, body: { digest, version: 7 } });
    assert.equal((await fly.app().setSecret('TOKEN', VALUE)).digest, digest);
  }
});

test('pitfall 23: whoever works on an app, and however often, stays within the rate limits of Fly', async () => {
  using fly = new FleetDouble();
  const pacer = createFlyPacer(fly.clock);
  const log: { readonly bucket: string; readonly at: number; readonly call: Call }[] = [];
  for (let i = 1; i <= 5; i += 1) fly.add(`m${i}`);
  const push = fly.calls.push.bind(fly.calls);
  fly.calls.push = (...calls) => {
    for (const call of calls) {
      log.push({ bucket: `${call.action} ${call.machine ?? ''}`, at: fly.clock.monotonic(), call });
    }
    return push(...calls);
  };
  for (let secretsVersion = 7; secretsVersion < 12; secretsVersion += 1) {
    for (let calls = 0; calls < 6; calls += 1) {
      await fly.app({ pacer }).advanceRollout({ ...TARGET, secretsVersion }, ROLLING);
    }
  }
  for (const [bucket, requests] of Map.groupBy(log, (entry) => entry.bucket)) {
    const rate = bucket.startsWith('get ') ? { perSecond: 5, burst: 10 } : { perSecond: 1, burst: 3 };
    let tokens = rate.burst;
    let last = requests[0]?.at ?? 0;
    for (const { at } of requests) {
      tokens = Math.min(rate.burst, tokens + ((at - last) / 1_000) * rate.perSecond) - 1;
      last = at;
      assert.ok(tokens >= 0, `${bucket}: too fast`);
    }
  }
  assert.equal(log.filter(({ call }) => call.action === 'update').length, 25);
});

test('pitfall 23: after a 429 nothing is asked again before the time that Fly named', async () => {
  using fly = new FleetDouble();
  const asked: number[] = [];
  fly.once('list', () => {
    asked.push(fly.clock.now());
    return { status: 429, headers: { 'retry-after': '7' } };
  });
  fly.once('list', () => void asked.push(fly.clock.now()));
  await fly.app().advanceRollout(TARGET, ROLLING);
  const [first = 0, second = 0] = asked;
  assert.ok(second - first >= 7_000, `asked again after ${second - first} ms`);
});

for (const [kind, body] of [
  ['HTML', '<html><body>504 Gateway Time-out</body></html>'],
  ['plain text', 'upstream connect error'],
  ['nothing', ''],
  ['broken JSON', '{"error":'],
] as const) {
  for (const status of [200, 504]) {
    test(`pitfall 27: ${kind} with status ${status} is an unavailable platform, not a crash`, async () => {
      using fly = new FleetDouble();
      fly.add('m1');
      fly.once('get', { status, body, headers: { 'content-type': 'text/html' } });
      await assert.rejects(fly.app().advanceRollout(TARGET, ROLLING), ({ failure }) => {
        assert.equal(failure.reason, 'PlatformUnavailable');
        return true;
      });
      assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'done');
    });
  }
}
