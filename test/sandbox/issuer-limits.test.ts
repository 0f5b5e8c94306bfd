import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { answerOf, type LoneIssuer, startLoneIssuer } from './fixtures/lone-issuer.ts';

/** 13:59:30 UTC. */
const START_MS = Date.UTC(2030, 0, 1, 13, 59, 30);

let lone: LoneIssuer;
let nowMs: number;
beforeEach(async () => {
  nowMs = START_MS;
  lone = await startLoneIssuer({ now: () => nowMs });
});
afterEach(() => lone?.stop());

const rateHeaders = ({ headers }: Response) =>
  ['limit', 'remaining', 'reset'].map((name) => Number(headers.get(`x-ratelimit-${name}`)));
const startSeconds = START_MS / 1000;

describe('the rate limit', () => {
  it('is told on every answer, also on a refusal', async () => {
    lone.issuer.setRateLimit({ perSecond: 2, burst: 4 });
    assert.deepEqual(rateHeaders(await lone.ask()), [4, 3, startSeconds + 1]);
    const refused = await lone.ask({ client_secret: 'wrong' });
    assert.deepEqual([refused.status, ...rateHeaders(refused)], [401, 4, 2, startSeconds + 1]);
  });

  it('turns away what is too much, issues nothing for it, and counts it', async () => {
    lone.issuer.setRateLimit({ perSecond: 1, burst: 2 });
    await answerOf(await lone.ask());
    await answerOf(await lone.ask());
    const response = await lone.ask();
    assert.deepEqual([response.status, ...rateHeaders(response)], [429, 2, 0, startSeconds + 2]);
    assert.equal(response.headers.get('retry-after'), null);
    assert.deepEqual(await response.json(), { error: 'too_many_requests' });
    assert.equal(lone.issuer.issued.length, 2);
    assert.equal(lone.issuer.requests.rateLimited, 1);
    assert.equal(lone.issuer.requests.refused, 0);
  });

  it('lets pass as many as time has brought, and anything once it is lifted', async () => {
    lone.issuer.setRateLimit({ perSecond: 2, burst: 1 });
    const statuses = async () => [(await lone.ask()).status, (await lone.ask()).status];
    assert.deepEqual(await statuses(), [200, 429]);
    nowMs += 499;
    assert.deepEqual(await statuses(), [429, 429]);
    nowMs += 1;
    assert.deepEqual(await statuses(), [200, 429]);
    lone.issuer.setRateLimit(undefined);
    assert.deepEqual(await statuses(), [200, 200]);
  });

  it('leaves a record of when who asked', async () => {
    lone.issuer.setRateLimit({ perSecond: 1, burst: 1 });
    await lone.ask();
    nowMs += 10;
    await lone.ask({ client_id: 'other' });
    assert.deepEqual(lone.issuer.received, [
      { atMs: START_MS, clientId: 'm2m', rateLimited: false },
      { atMs: START_MS + 10, clientId: 'other', rateLimited: true },
    ]);
  });
});

describe('a quota', () => {
  const quotaHeader = ({ headers }: Response) => headers.get('auth0-client-quota-limit');

  it('is told with what remains of the hour and of the day, in UTC', async () => {
    lone.issuer.setQuota('m2m', { perHour: 10, perDay: 50 });
    assert.equal(quotaHeader(await lone.ask()), 'b=per_hour;q=10;r=9;t=30,b=per_day;q=50;r=49;t=36030');
    lone.issuer.setQuota('m2m', { perDay: 5 });
    assert.equal(quotaHeader(await lone.ask()), 'b=per_day;q=5;r=4;t=36030');
    lone.issuer.setQuota('m2m', undefined);
    assert.equal(quotaHeader(await lone.ask()), null);
  });

  it('that is used up is a 429 that says when to come back', async () => {
    lone.issuer.setQuota('m2m', { perHour: 1, perDay: 5 });
    await answerOf(await lone.ask());
    const response = await lone.ask();
    assert.equal(response.status, 429);
    assert.equal(response.headers.get('retry-after'), '30');
    assert.equal(quotaHeader(response), 'b=per_hour;q=1;r=0;t=30,b=per_day;q=5;r=4;t=36030');
    assert.deepEqual(rateHeaders(response), [1, 0, startSeconds + 30]);
    const body = (await response.json()) as Record<string, unknown>;
    assert.deepEqual(body, { error: 'too_many_requests', error_description: 'Client quota exceeded' });
    assert.equal(lone.issuer.issued.length, 1);
  });

  it('begins again with the next hour, while the day goes on', async () => {
    lone.issuer.setQuota('m2m', { perHour: 1, perDay: 2 });
    await answerOf(await lone.ask());
    nowMs += 30_000;
    await answerOf(await lone.ask());
    nowMs += 3_600_000;
    const response = await lone.ask();
    assert.deepEqual([response.status, response.headers.get('retry-after')], [429, '32400']);
  });

  it('is one client’s alone, and no token is counted that was not issued', async () => {
    lone.issuer.addClient({ id: 'other', secret: 'right' });
    lone.issuer.setQuota('m2m', { perHour: 1 });
    assert.equal((await lone.ask({ client_secret: 'wrong' })).status, 401);
    assert.equal((await lone.ask({ audience: 'https://nowhere.test' })).status, 403);
    assert.equal((await lone.ask()).status, 200);
    assert.equal((await lone.ask()).status, 429);
    const other = await lone.ask({ client_id: 'other' });
    assert.deepEqual([other.status, quotaHeader(other)], [200, null]);
  });
});
