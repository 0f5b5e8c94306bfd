import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { assertLease, FencedError, fencedClient, fencedFetch } from '../../controller/fence.ts';
import { Request } from '../../src/http/undici.ts';
import type { Call, KubernetesClient } from '../../src/kubernetes/client.ts';

const DEADLINE_MS = 8_000;
const AT = { resource: { apiVersion: 'v1', plural: 'secrets' }, namespace: 'ns', name: 's' };

/** How long the Lease holds, in ms. */
let lease: number;
let sent: string[];
beforeEach(() => {
  lease = 0;
  sent = [];
});

const inner: KubernetesClient = {
  call: async <T>({ verb }: Call) => sent.push(verb) as T,
  stream: async ({ verb }) => {
    sent.push(verb);
    return (async function* () {})();
  },
  close: async () => void sent.push('close'),
};
const client = fencedClient(inner, () => lease, DEADLINE_MS);

const fetchAll = (async (_input: unknown, init?: RequestInit) => {
  sent.push(init?.method ?? 'as the request says');
  return new Response();
}) as typeof fetch;
const fenced = fencedFetch(fetchAll, () => lease, { deadlineMs: DEADLINE_MS, maxBodyBytes: 1 });

test('an effect may start while the Lease outlives its deadline, to the millisecond', () => {
  assertLease(() => 5_000, 5_000);
  assert.throws(() => assertLease(() => 4_999, 5_000), FencedError);
});

test('the refusal tells both times, and a Lease that ended long ago as ended', () => {
  const message = 'the Lease holds for 0 ms, the call may take 5000 ms';
  assert.throws(() => assertLease(() => -60_000, 5_000), { name: 'FencedError', message });
});

test('without a Lease the cluster can be read and watched', async () => {
  await client.call({ verb: 'get', at: AT });
  await client.call({ verb: 'list', at: AT });
  await client.stream({ verb: 'watch', at: AT, signal: AbortSignal.abort() });
  assert.deepEqual(sent, ['get', 'list', 'watch']);
});

for (const verb of ['create', 'update', 'patch'] as const) {
  test(`without a Lease long enough a ${verb} is not sent`, async () => {
    lease = DEADLINE_MS - 1;
    await assert.rejects(client.call({ verb, at: AT }), FencedError);
    assert.deepEqual(sent, []);
    lease = DEADLINE_MS;
    await client.call({ verb, at: AT });
    assert.deepEqual(sent, [verb]);
  });
}

test('a write with a deadline of its own needs the Lease for that long', async () => {
  lease = 2_000;
  await client.call({ verb: 'patch', at: AT, deadlineMs: 2_000 });
  await assert.rejects(client.call({ verb: 'patch', at: AT, deadlineMs: 2_001 }), FencedError);
  assert.deepEqual(sent, ['patch']);
});

test('without a Lease the outside can be read, by URL or by Request', async () => {
  await fenced('https://fly.test/');
  await fenced('https://fly.test/', { method: 'GET' });
  await fenced(new Request('https://fly.test/') as unknown as globalThis.Request);
  assert.equal(sent.length, 3);
});

for (const method of ['POST', 'DELETE']) {
  test(`without a Lease long enough a ${method} is not sent, by URL or by Request`, async () => {
    lease = DEADLINE_MS - 1;
    const request = new Request('https://fly.test/', { method }) as unknown as globalThis.Request;
    await assert.rejects(fenced('https://fly.test/', { method }), FencedError);
    await assert.rejects(fenced(request), FencedError);
    assert.deepEqual(sent, []);
    lease = DEADLINE_MS;
    await fenced(request);
    assert.equal(sent.length, 1);
  });
}
