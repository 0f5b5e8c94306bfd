import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { FailureError } from '../../src/failure.ts';
import type { IssuedToken } from '../../src/oauth/token-response.ts';
import { type Requirement, verifyToken } from '../../src/oauth/verification.ts';
import { SecretValue } from '../../src/secret-value.ts';

const ISSUED = Date.UTC(2026, 0, 15, 10, 30, 17, 250);
const HOUR_MS = 3_600_000;
const HOST = 'id.acme.dev';
const CANARY = 'yellow-bird-a1b2c3';

const TOKEN: IssuedToken = {
  value: new SecretValue(CANARY),
  issuedAt: ISSUED,
  expiresAt: ISSUED + HOUR_MS,
  issuer: 'https://id.acme.dev/',
  audiences: ['https://other.acme.dev', 'https://api.acme.dev'],
  scopes: ['read', 'write'],
};

const OPAQUE: IssuedToken = {
  value: TOKEN.value,
  issuedAt: ISSUED,
  expiresAt: ISSUED + HOUR_MS,
  audiences: [],
};

const ALL: Requirement = {
  issuer: 'https://id.acme.dev/',
  audience: 'https://api.acme.dev',
  scopes: ['write'],
  minLifetimeMs: HOUR_MS,
};

function messageOf(token: Partial<IssuedToken>, requirement: Requirement): string {
  try {
    verifyToken({ ...TOKEN, ...token }, requirement, HOST);
  } catch (error) {
    assert.ok(error instanceof FailureError);
    const { message, ...rest } = error.failure;
    assert.deepEqual(rest, { reason: 'VerificationFailed', disposition: 'stall' });
    assert.doesNotMatch(inspect(error, { depth: null, showHidden: true }), new RegExp(CANARY));
    return message;
  }
  return assert.fail('the token passed');
}

test('a token that is all that is required passes', () => verifyToken(TOKEN, ALL, HOST));

test('a token that tells nothing of itself passes but for its lifetime', () => {
  verifyToken(OPAQUE, ALL, HOST);
  assert.throws(() => verifyToken(OPAQUE, { ...ALL, minLifetimeMs: 2 * HOUR_MS }, HOST), FailureError);
});

test('where nothing is required anything passes', () => {
  verifyToken(
    { ...TOKEN, issuer: CANARY, audiences: [CANARY], scopes: [], expiresAt: ISSUED + 1 },
    { scopes: [] },
    HOST,
  );
});

const FAILING: [what: string, token: Partial<IssuedToken>, check: string, expected: RegExp][] = [
  ['of another issuer', { issuer: `https://${CANARY}/` }, 'issuer', /not https:\/\/id\.acme\.dev\/;/],
  ['whose issuer lacks the last slash', { issuer: 'https://id.acme.dev' }, 'issuer', /last slash/],
  ['for another audience', { audiences: [CANARY] }, 'audience', /not for https:\/\/api\.acme\.dev;/],
  [
    'for an audience that only begins alike',
    { audiences: [`https://api.acme.dev/${CANARY}`] },
    'audience',
    /not for/,
  ],
  ['without a scope', { scopes: ['read', CANARY] }, 'scopes', /: write is not granted/],
  ['without any scope', { scopes: [] }, 'scopes', /: write is not granted/],
  [
    'that lives too short',
    { expiresAt: ISSUED + HOUR_MS / 2 },
    'minLifetime',
    /lives 30m0s, shorter than 1h0m0s/,
  ],
];

for (const [what, token, check, expected] of FAILING) {
  test(`a token ${what} fails, and the message names the check and the fix, not what the token says`, () => {
    const message = messageOf(token, ALL);
    assert.ok(message.startsWith(`${HOST} issued a token that fails the check "${check}": `), message);
    assert.match(message, expected);
    assert.match(message, /spec\./);
  });
}

test('every scope that is missing is named', () => {
  const message = messageOf({}, { scopes: ['delete', 'read', 'purge'] });
  assert.match(message, /: delete, purge are not granted/);
});

test('a token of just the required life passes, though exp and Date cut seconds off it', () => {
  verifyToken({ ...TOKEN, expiresAt: ISSUED + HOUR_MS - 2_400 }, ALL, HOST);
  messageOf({ expiresAt: ISSUED + HOUR_MS - 10_000 }, ALL);
});
