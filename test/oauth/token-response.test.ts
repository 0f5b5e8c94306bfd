import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FailureError } from '../../src/failure.ts';
import { issuedToken } from '../../src/oauth/token-response.ts';

const SENT = Date.UTC(2026, 0, 15, 10, 30, 17, 250);
const PERIOD = { sentAt: SENT, receivedAt: SENT + 400 };
const HOUR_MS = 3_600_000;

/** An unsigned JWT: nobody here verifies a signature. */
function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.c2ln`;
}

function issued(access_token: string, rest: { expires_in?: number; scope?: string } = {}) {
  return issuedToken({ access_token, token_type: 'bearer', ...rest }, 'acme.eu.auth0.com', PERIOD);
}

function refused(access_token: string, rest: { expires_in?: number } = {}): string {
  try {
    issued(access_token, rest);
  } catch (error) {
    assert.ok(error instanceof FailureError);
    const { message, ...failure } = error.failure;
    assert.deepEqual(failure, { reason: 'ResponseInvalid', disposition: 'retry' });
    return message;
  }
  return assert.fail('the token was accepted');
}

const inSeconds = (ms: number) => Math.floor((SENT + ms) / 1000);

test('the lifetime of an opaque token counts from when the request was sent', () => {
  const token = issued('opaque', { expires_in: 3600 });
  assert.deepEqual([token.issuedAt, token.expiresAt], [SENT, SENT + HOUR_MS]);
  assert.equal(token.value.reveal(), 'opaque');
});

test('a token expires at the earlier of expires_in and exp', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 9e6 }), fc.integer({ min: 2, max: 9e6 }), (expiresIn, left) => {
      const exp = inSeconds(0) + left;
      const { expiresAt } = issued(jwt({ exp }), { expires_in: expiresIn });
      assert.equal(expiresAt, Math.min(SENT + expiresIn * 1000, exp * 1000));
    }),
  );
});

test('exp alone tells the expiry when expires_in is missing', () => {
  const exp = inSeconds(HOUR_MS);
  assert.equal(issued(jwt({ exp })).expiresAt, exp * 1000);
});

test('a JWT tells issuer, audience and scopes', () => {
  const claims = { iss: 'https://acme.eu.auth0.com/', aud: 'https://api.acme.dev', scope: 'read:a write:a' };
  const { issuer, audience, scopes } = issued(jwt(claims), { expires_in: 60 });
  assert.deepEqual(
    { issuer, audience, scopes },
    {
      issuer: claims.iss,
      audience: claims.aud,
      scopes: ['read:a', 'write:a'],
    },
  );
});

test('of several audiences the first is told', () => {
  assert.equal(issued(jwt({ aud: ['first', 'second'] }), { expires_in: 60 }).audience, 'first');
});

test('the scopes of the response win over those of the token', () => {
  assert.deepEqual(issued(jwt({ scope: 'a b' }), { expires_in: 60, scope: 'a' }).scopes, ['a']);
});

test('claims of the wrong type, or too long for a status, are left out', () => {
  const token = issued(jwt({ iss: 7, aud: 'a'.repeat(2049), scope: ['a'], exp: 'soon' }), { expires_in: 60 });
  const { issuedAt: _, expiresAt: __, value: ___, ...told } = token;
  assert.deepEqual(told, { scopes: [] });
});

test('a lifetime that would leave the calendar is cut to a valid date', () => {
  for (const expires_in of [1e12, 1e300, Number.POSITIVE_INFINITY]) {
    const { expiresAt } = issued('opaque', { expires_in });
    assert.ok(new Date(expiresAt).toISOString() < '2037');
  }
});

test('a token without any lifetime is refused', () => {
  assert.match(refused('opaque'), /neither expires_in nor a readable exp/);
  assert.match(refused(jwt({ sub: 'x' })), /neither expires_in nor a readable exp/);
});

test('a token that is expired on arrival is refused', () => {
  for (const expires_in of [0, -1, Number.NaN])
    assert.match(refused('opaque', { expires_in }), /expired on arrival/);
  assert.match(refused(jwt({ exp: inSeconds(-1000) }), { expires_in: 3600 }), /expired on arrival/);
});

test('a token that lives shorter than its own way here is refused', () => {
  assert.match(refused('opaque', { expires_in: 0.4 }), /expired on arrival/);
});

test('a token with a control character, a line end or a letter beyond ASCII is refused', () => {
  for (const bad of ['', 'a\nb', 'a\0', 'tökén', 'a\r\nSet-Cookie: b']) {
    assert.match(refused(bad, { expires_in: 60 }), /characters/);
  }
});
