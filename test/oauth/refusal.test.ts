import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Refusal, refusalFailure } from '../../src/oauth/refusal.ts';

const NOW = Date.UTC(2026, 0, 15, 10, 30, 17, 250);
const HOUR_MS = 3_600_000;
const ASKED = {
  host: 'acme.eu.auth0.com',
  audience: 'https://api.acme.dev',
  authentication: 'ClientSecret',
} as const;

function failure(status: number, code?: string, headers: Record<string, string> = {}, asked: object = {}) {
  const refusal: Refusal = { status, code, headers: new Headers(headers) };
  return refusalFailure(refusal, { ...ASKED, ...asked }, NOW);
}

const STALLS: [status: number, code: string | undefined, reason: string][] = [
  [401, 'access_denied', 'CredentialsInvalid'],
  [401, 'invalid_client', 'CredentialsInvalid'],
  [401, 'unauthorized_client', 'CredentialsInvalid'],
  [401, undefined, 'CredentialsInvalid'],
  [400, 'invalid_client', 'CredentialsInvalid'],
  [403, 'invalid_client', 'CredentialsInvalid'],
  [403, undefined, 'CredentialsInvalid'],
  [403, 'access_denied', 'ClientNotAuthorized'],
  [403, 'unauthorized_client', 'ClientNotAuthorized'],
  [400, 'unauthorized_client', 'ClientNotAuthorized'],
  [400, 'invalid_target', 'AudienceUnknown'],
  [403, 'invalid_target', 'AudienceUnknown'],
  [400, 'invalid_scope', 'ScopeNotGranted'],
  [400, 'invalid_request', 'RequestRefused'],
  [400, 'unsupported_grant_type', 'RequestRefused'],
  [400, 'server_error', 'RequestRefused'],
  [403, 'server_error', 'RequestRefused'],
  [400, 'constructor', 'RequestRefused'],
  [400, undefined, 'RequestRefused'],
  [403, 'forbidden', 'RequestRefused'],
  [404, undefined, 'RequestRefused'],
  [404, 'invalid_client', 'RequestRefused'],
  [405, undefined, 'RequestRefused'],
  [415, undefined, 'RequestRefused'],
  [301, undefined, 'RequestRefused'],
  [308, 'temporarily_unavailable', 'RequestRefused'],
];

for (const [status, code, reason] of STALLS) {
  test(`HTTP ${status} ${code ?? 'without a code'} stalls as ${reason}`, () => {
    const { message, ...rest } = failure(status, code, { 'retry-after': '60' });
    assert.deepEqual(rest, { reason, disposition: 'stall' });
    assert.match(message, new RegExp(`^acme\\.eu\\.auth0\\.com answered HTTP ${status}: `));
  });
}

for (const status of [201, 204, 302, 303, 307, 408, 425, 500, 502, 503, 504]) {
  test(`HTTP ${status} is retried as ProviderUnavailable, whatever code comes with it`, () => {
    for (const code of [undefined, 'invalid_client', 'server_error']) {
      const { message: _, ...rest } = failure(status, code);
      assert.deepEqual(rest, { reason: 'ProviderUnavailable', disposition: 'retry' });
    }
  });
}

test('a 4xx that calls itself temporary is retried', () =>
  assert.equal(failure(400, 'temporarily_unavailable').reason, 'ProviderUnavailable'));

test('HTTP 503 is retried not before the time it asks for', () => {
  assert.equal(failure(503, undefined, { 'retry-after': '30' }).notBefore, NOW + 30_000);
});

const USED_UP = 'b=per_hour;q=10;r=0;t=1800,b=per_day;q=50;r=7;t=43200';
const RESET = `${(NOW + 5_750) / 1000}`;

const TOO_MANY: [
  what: string,
  headers: Record<string, string>,
  reason: string,
  notBefore: number | undefined,
][] = [
  ['nothing else', {}, 'RateLimited', undefined],
  ['a Retry-After', { 'retry-after': '120' }, 'RateLimited', NOW + 120_000],
  ['a Retry-After of an hour', { 'retry-after': '3600' }, 'RateLimited', NOW + HOUR_MS],
  ['a Retry-After of more', { 'retry-after': '3601' }, 'QuotaExceeded', NOW + HOUR_MS + 1000],
  ['a Retry-After of a month', { 'retry-after': '2592000' }, 'QuotaExceeded', NOW + 24 * HOUR_MS],
  ['a Retry-After in words', { 'retry-after': 'soon' }, 'RateLimited', undefined],
  ['a reset of the rate', { 'x-ratelimit-reset': RESET }, 'RateLimited', NOW + 5_750],
  [
    'a quota with something left',
    { 'auth0-client-quota-limit': 'b=per_hour;q=10;r=1;t=60' },
    'RateLimited',
    undefined,
  ],
  ['a quota that is used up', { 'auth0-client-quota-limit': USED_UP }, 'QuotaExceeded', NOW + 1_800_000],
  [
    'a quota of the organization that is used up, and a reset of the rate',
    { 'auth0-organization-quota-limit': USED_UP, 'x-ratelimit-reset': RESET },
    'QuotaExceeded',
    NOW + 1_800_000,
  ],
  [
    'two quotas that are used up',
    { 'auth0-client-quota-limit': USED_UP.replace('r=7', 'r=0') },
    'QuotaExceeded',
    NOW + 43_200_000,
  ],
  [
    'a quota that is used up, and a Retry-After',
    { 'auth0-client-quota-limit': USED_UP, 'retry-after': '7' },
    'QuotaExceeded',
    NOW + 7_000,
  ],
];

for (const [what, headers, reason, notBefore] of TOO_MANY) {
  test(`HTTP 429 with ${what} is retried as ${reason}`, () => {
    const { message: _, ...rest } = failure(429, 'too_many_requests', headers);
    const expected = { reason, disposition: 'retry' };
    assert.deepEqual(rest, notBefore === undefined ? expected : { ...expected, notBefore });
  });
}

test('a wrong credential is named for what it is', () => {
  const told = (authentication: string) => failure(401, undefined, {}, { authentication }).message;
  assert.match(told('ClientSecret'), /client id and client secret; correct them in the referenced Secret/);
  assert.match(told('PrivateKeyJwt'), /the private key or its registration/);
  assert.match(told('Assertion'), /ServiceAccount token: its issuer, subject or audience is not what the/);
});

test('HTTP 403 without a code names both of its readings', () => {
  const { message } = failure(403);
  assert.match(message, /proxy or firewall/);
  assert.match(message, /client id and client secret/);
  assert.doesNotMatch(failure(401).message, /proxy/);
});

test('access_denied names all of its causes, which Auth0 tells apart by text only', () => {
  const { message } = failure(403, 'access_denied');
  assert.match(message, /no API with the audience https:\/\/api\.acme\.dev/);
  assert.match(message, /no grant/);
  assert.match(message, /may not use client credentials/);
});

test('no message speaks of an audience when none was asked for', () => {
  const asked = { host: 'id.acme.dev', authentication: 'ClientSecret' } as const;
  for (const code of ['access_denied', 'invalid_target']) {
    const { message } = refusalFailure({ status: 403, code, headers: new Headers() }, asked, NOW);
    assert.match(message, /^id\.acme\.dev .*what was asked/);
    assert.doesNotMatch(message, /audience|undefined/);
  }
});

test('a missing endpoint and a redirect are explained as what they are', () => {
  for (const status of [404, 405])
    assert.match(failure(status).message, /no token endpoint; correct .* in spec\.source/);
  assert.match(failure(308).message, /has moved.*write the new one in spec\.source/);
  assert.match(failure(307).message, /redirect is not followed.*check spec\.source/);
});
