import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Refusal, refusalFailure } from '../../src/oauth/refusal.ts';

const NOW = Date.UTC(2026, 0, 15, 10, 30, 17, 250);
const ASKED = { domain: 'acme.eu.auth0.com', audience: 'https://api.acme.dev' };

function failure(status: number, code?: string, headers: Record<string, string> = {}) {
  const refusal: Refusal = { status, code, headers: new Headers(headers) };
  return refusalFailure(refusal, ASKED, NOW);
}

const STALLS: [status: number, code: string | undefined, reason: string][] = [
  [401, 'access_denied', 'CredentialsInvalid'],
  [401, 'invalid_client', 'CredentialsInvalid'],
  [401, 'unauthorized_client', 'CredentialsInvalid'],
  [401, undefined, 'CredentialsInvalid'],
  [400, 'invalid_client', 'CredentialsInvalid'],
  [403, 'access_denied', 'ClientNotAuthorized'],
  [403, 'unauthorized_client', 'ClientNotAuthorized'],
  [400, 'unauthorized_client', 'ClientNotAuthorized'],
  [400, 'invalid_target', 'AudienceUnknown'],
  [403, 'invalid_target', 'AudienceUnknown'],
  [400, 'invalid_scope', 'ScopeNotGranted'],
  [400, 'invalid_request', 'RequestRefused'],
  [400, 'constructor', 'RequestRefused'],
  [403, undefined, 'RequestRefused'],
  [404, undefined, 'RequestRefused'],
  [415, undefined, 'RequestRefused'],
];

for (const [status, code, reason] of STALLS) {
  test(`HTTP ${status} ${code ?? 'without a code'} stalls as ${reason}`, () => {
    const { message, ...rest } = failure(status, code, { 'retry-after': '60' });
    assert.deepEqual(rest, { reason, disposition: 'stall' });
    assert.match(message, new RegExp(`^acme\\.eu\\.auth0\\.com answered HTTP ${status}: `));
  });
}

for (const status of [204, 302, 408, 425, 500, 502, 503, 504]) {
  test(`HTTP ${status} is retried as ProviderUnavailable, whatever code comes with it`, () => {
    const { message: _, ...rest } = failure(status, 'invalid_client');
    assert.deepEqual(rest, { reason: 'ProviderUnavailable', disposition: 'retry' });
  });
}

test('HTTP 429 is retried as RateLimited, not before the time it asks for', () => {
  const { message: _, ...rest } = failure(429, 'too_many_requests', { 'retry-after': '120' });
  assert.deepEqual(rest, { reason: 'RateLimited', disposition: 'retry', notBefore: NOW + 120_000 });
});

test('HTTP 429 without a usable time is retried by our own backoff', () => {
  assert.equal('notBefore' in failure(429, undefined, { 'retry-after': 'soon' }), false);
});

test('HTTP 503 is retried not before the time it asks for', () => {
  assert.equal(failure(503, undefined, { 'retry-after': '30' }).notBefore, NOW + 30_000);
});

test('access_denied names both of its causes, which Auth0 tells apart by text only', () => {
  const { message } = failure(403, 'access_denied');
  assert.match(message, /no API with the audience https:\/\/api\.acme\.dev/);
  assert.match(message, /no grant/);
});

test('a redirect is explained as one', () =>
  assert.match(failure(307).message, /redirect.*check the domain/));
