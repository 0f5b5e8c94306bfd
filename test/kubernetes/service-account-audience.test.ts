import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import { ALLOWED_AUDIENCE } from '../../src/binding/names.ts';
import { ApiError } from '../../src/kubernetes/api-error.ts';
import type { Call } from '../../src/kubernetes/client.ts';
import { startLiveCluster } from './live-cluster.ts';
import { type Caller, failureOf, isTokenRequest, isTrial, observe, tokensOf } from './token-observer.ts';

const requestFor = (audience: string) => ({
  namespace: 'team-a',
  name: 'account',
  audience,
  expirationSeconds: 600,
});

/** On an API server with these flags, asks with the consent that the audience needs. */
async function onApiServer(
  flags: readonly string[],
  use: (ask: {
    defaultAudience: string;
    consent(audience: string): Promise<unknown>;
    client: Caller;
  }) => Promise<void>,
): Promise<void> {
  const cluster = await startLiveCluster({ apiServerFlags: flags });
  try {
    await cluster.kubectl('create serviceaccount account');
    const { aud } = decodeJwt(await cluster.kubectl('create token account'));
    await use({
      defaultAudience: String([aud].flat()[0]),
      consent: (audience) =>
        cluster.kubectl(`annotate serviceaccount account --overwrite ${ALLOWED_AUDIENCE}=${audience}`),
      client: cluster.client,
    });
  } finally {
    await cluster.stop();
  }
}

test("the API server's default audience is refused, each time anew", { timeout: 120_000 }, () =>
  onApiServer([], async ({ defaultAudience, consent, client }) => {
    await consent(defaultAudience);
    const observer = observe(client);
    for (let attempt = 0; attempt < 2; attempt++) {
      const { reason, disposition, message } = await failureOf(requestFor(defaultAudience), observer);
      assert.deepEqual([reason, disposition], ['RequestRefused', 'stall']);
      assert.match(message, /^audience: "https:.*" is an audience .*act as ServiceAccount team-a\/account/);
    }
    assert.equal(observer.calls.filter(isTrial).length, 2);
  }),
);

test('each audience of --api-audiences is refused, and no other', { timeout: 120_000 }, () =>
  onApiServer(['--api-audiences=kubernetes,internal-api'], async ({ consent, client }) => {
    const request = tokensOf(client);
    for (const audience of ['kubernetes', 'internal-api']) {
      await consent(audience);
      await assert.rejects(request(requestFor(audience)), /is an audience of the Kubernetes/);
    }
    for (const audience of ['internal-api/', 'Internal-api', 'kubernetes,internal-api']) {
      await consent(audience);
      await request(requestFor(audience));
    }
  }),
);

/** A token as far as its audiences go. */
const tokenFor = (aud: unknown) =>
  [{ alg: 'none', typ: 'JWT' }, { aud, more: 'canary' }, 'a signature']
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');

/** An API server that has consent to every audience and knows none of them, but for what `before` does. */
function apiServer(before: (call: Call) => unknown = () => undefined) {
  let audience = '';
  const call = async (asked: Call) => {
    if (isTrial(asked)) throw new ApiError(asked, { status: 401, reason: 'Unauthorized' });
    if (isTokenRequest(asked)) return { status: { token: tokenFor([audience]) } };
    return { metadata: { uid: 'u', annotations: { [ALLOWED_AUDIENCE]: audience } } };
  };
  const observer = observe({ call: call as Caller['call'] }, before);
  const ask = (request: ReturnType<typeof requestFor>) => {
    audience = request.audience;
    return request;
  };
  return { observer, ask };
}

test('of a thousand remembered audiences the oldest is tried again', async () => {
  const { observer, ask } = apiServer();
  const request = tokensOf(observer);
  const trials = () => observer.calls.filter(isTrial).length;
  for (let number = 0; number <= 1_000; number++) await request(ask(requestFor(`https://${number}.dev`)));
  assert.equal(trials(), 1_001);
  for (const number of [1_000, 1]) await request(ask(requestFor(`https://${number}.dev`)));
  assert.equal(trials(), 1_001);
  await request(ask(requestFor('https://0.dev')));
  assert.equal(trials(), 1_002);
});

for (const status of [400, 403, 404, 405, 422]) {
  test(`an API server that answers the trial with ${status} has taken the token`, async () => {
    const { observer, ask } = apiServer((call) => {
      if (isTrial(call)) throw new ApiError(call, { status, reason: 'Whatever' });
    });
    const { reason } = await failureOf(ask(requestFor('https://id.dev')), observer);
    assert.equal(reason, 'RequestRefused');
  });
}

for (const [status, reason] of [
  [0, 'DeadlineExceeded'],
  [429, 'TooManyRequests'],
  [500, 'InternalError'],
  [503, 'ServiceUnavailable'],
] as const) {
  test(`while the trial ends with ${status} ${reason} no token is given out, nor anything remembered`, async () => {
    let failing = true;
    const { observer, ask } = apiServer((call) => {
      if (failing && isTrial(call)) throw new ApiError(call, { status, reason });
    });
    const request = tokensOf(observer);
    const asked = ask(requestFor('https://id.dev'));
    await assert.rejects(request(asked), { name: 'ApiError', status, reason });
    failing = false;
    await request(asked);
    assert.equal(observer.calls.filter(isTrial).length, 2);
  });
}

for (const [what, token] of [
  ['for another audience', tokenFor(['https://other.dev'])],
  ['for one audience more', tokenFor(['https://id.dev', 'https://other.dev'])],
  ['for nobody', tokenFor([])],
  ['without audience', tokenFor(undefined)],
  ['that cannot be read', 'canary-canary-canary'],
] as const) {
  test(`a token ${what} is not given out, and tried nowhere`, async () => {
    const { observer, ask } = apiServer((call) => (isTokenRequest(call) ? { status: { token } } : undefined));
    const { reason, message } = await failureOf(ask(requestFor('https://id.dev')), observer);
    assert.deepEqual([reason, message.startsWith('audience: ')], ['VerificationFailed', true]);
    assert.deepEqual(observer.calls.filter(isTrial), []);
  });
}
