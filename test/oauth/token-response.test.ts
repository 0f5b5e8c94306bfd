import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FailureError } from '../../src/failure.ts';
import { issuedToken, type Period } from '../../src/oauth/token-response.ts';

const SENT = Date.UTC(2026, 0, 15, 10, 30, 17, 250);
const PERIOD: Period = { sentAt: SENT, receivedAt: SENT + 400 };
const HOUR_MS = 3_600_000;
const HOST = 'acme.eu.auth0.com';

type Rest = { expires_in?: number; scope?: string };

/** An unsigned JWT: nobody here verifies a signature. */
function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.c2ln`;
}

/** Five parts, as an encrypted token has; the second one would be readable claims if it were a JWT. */
const JWE = `e30.${Buffer.from('{"iss":"https://other.test/"}').toString('base64url')}.aXY.Y3Q.dGFn`;

function issued(access_token: string, rest: Rest = {}, period: Partial<Period> = {}) {
  return issuedToken({ access_token, token_type: 'bearer', ...rest }, HOST, { ...PERIOD, ...period });
}

function refused(
  reason: string,
  access_token: string,
  rest: Rest = {},
  period: Partial<Period> = {},
): string {
  try {
    issued(access_token, rest, period);
  } catch (error) {
    assert.ok(error instanceof FailureError);
    assert.equal(error.failure.reason, reason);
    assert.ok(error.failure.message.startsWith(HOST));
    return error.failure.message;
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

/** What a provider whose clock differs from ours by `differenceMs` does, and what the truth is by our clock. */
interface Exchange {
  readonly differenceMs: number;
  readonly lifetimeS: number;
  readonly thereMs: number;
  readonly backMs: number;
  readonly tellsExpiresIn: boolean;
}

const EXCHANGE: fc.Arbitrary<Exchange> = fc.record({
  differenceMs: fc.oneof(
    fc.integer({ min: -3 * HOUR_MS, max: 3 * HOUR_MS }),
    fc.integer({ min: -2500, max: 2500 }),
  ),
  lifetimeS: fc.oneof(fc.integer({ min: 30, max: 600 }), fc.integer({ min: 30, max: 30 * 86_400 })),
  thereMs: fc.integer({ min: 0, max: 5_000 }),
  backMs: fc.integer({ min: 0, max: 5_000 }),
  tellsExpiresIn: fc.boolean(),
});

function answered({ differenceMs, lifetimeS, thereMs, backMs, tellsExpiresIn }: Exchange) {
  const theirSecond = Math.floor((SENT + thereMs + differenceMs) / 1000);
  const receivedAt = SENT + thereMs + backMs;
  const exp = theirSecond + lifetimeS;
  const skewMs = theirSecond * 1000 - (SENT + receivedAt) / 2;
  const token = issued(jwt({ exp }), tellsExpiresIn ? { expires_in: lifetimeS } : {}, { receivedAt, skewMs });
  return { token, receivedAt, trueEnd: exp * 1000 - differenceMs, roundTripMs: thereMs + backMs };
}

test('however the clocks differ, a token is never kept longer than it lives, beyond what Date cannot tell', () => {
  fc.assert(
    fc.property(EXCHANGE, (exchange) => {
      const { token, trueEnd, roundTripMs } = answered(exchange);
      const uncertain = 1000 + (exchange.tellsExpiresIn ? 0 : roundTripMs);
      assert.ok(token.expiresAt <= trueEnd + uncertain, `${token.expiresAt - trueEnd} ms too long`);
    }),
    { numRuns: 2000 },
  );
});

test('however the clocks differ, a token that lives is accepted, with its life to within what Date cannot tell', () => {
  fc.assert(
    fc.property(EXCHANGE, (exchange) => {
      const { token, receivedAt, trueEnd, roundTripMs } = answered(exchange);
      assert.ok(token.expiresAt > receivedAt);
      const full = Math.min(trueEnd, SENT + exchange.lifetimeS * 1000);
      assert.ok(token.expiresAt >= full - 1000 - roundTripMs, `${full - token.expiresAt} ms too short`);
    }),
    { numRuns: 2000 },
  );
});

test('clocks that agree as far as Date can tell leave exp as it is', () => {
  for (const skewMs of [-1200, -1000, -250, 0, 200]) {
    const exp = inSeconds(HOUR_MS);
    assert.equal(issued(jwt({ exp }), {}, { skewMs }).expiresAt, exp * 1000);
  }
});

test('a token whose exp is past by our clock only is good for what it lives by the clock of the provider', () => {
  const skewMs = -2 * HOUR_MS;
  const exp = inSeconds(skewMs + HOUR_MS);
  const { expiresAt } = issued(jwt({ exp }), { expires_in: 3600 }, { skewMs });
  assert.ok(Math.abs(expiresAt - (SENT + HOUR_MS)) < 2500);
});

test('a token whose exp is past by the clock of the provider is refused, though ours says otherwise', () => {
  const skewMs = 2 * HOUR_MS;
  const message = refused('VerificationFailed', jwt({ exp: inSeconds(HOUR_MS) }), {}, { skewMs });
  assert.match(message, /check "expiry".*provider's clock is 2h0m0s ahead of ours/);
});

test('a token that is expired on arrival is refused by the check of its expiry', () => {
  const token = jwt({ exp: inSeconds(-1000) });
  for (const rest of [{}, { expires_in: 3600 }])
    assert.match(refused('VerificationFailed', token, rest), /check "expiry".*the clocks of both sides/);
  assert.match(
    refused('VerificationFailed', jwt({ exp: inSeconds(-2 * HOUR_MS) }), {}, { skewMs: -90_000 }),
    /1m30s behind ours/,
  );
});

test('a difference of the clocks is named from half a minute on', () => {
  const told = (skewMs: number) => refused('VerificationFailed', 'opaque', { expires_in: 0 }, { skewMs });
  assert.doesNotMatch(told(30_000), /ahead/);
  assert.match(told(31_000), /31s ahead/);
});

test('a lifetime that is not above zero is refused by the check of the lifetime', () => {
  for (const expires_in of [0, -1, Number.NaN])
    assert.match(refused('VerificationFailed', 'opaque', { expires_in }), /check "lifetime".*not above zero/);
});

test('a token that lives shorter than its own way here is refused by the check of the lifetime', () => {
  assert.match(
    refused('VerificationFailed', 'opaque', { expires_in: 0.4 }),
    /check "lifetime".*its way here/,
  );
});

test('a lifetime that would leave the calendar is cut to a valid date', () => {
  for (const expires_in of [1e12, 1e300, Number.POSITIVE_INFINITY]) {
    const { expiresAt } = issued('opaque', { expires_in });
    assert.ok(new Date(expiresAt).toISOString() < '2037');
  }
  assert.ok(new Date(issued(jwt({ exp: 1e300 })).expiresAt).toISOString() < '2037');
});

const SILENT: Record<string, string> = {
  'an opaque token': 'opaque',
  'an encrypted token': JWE,
  'a readable token without exp': jwt({ sub: 'x' }),
  'a token whose exp is no number': jwt({ exp: 'soon' }),
};

for (const [what, token] of Object.entries(SILENT)) {
  test(`${what} that states no lifetime is refused, unless one is assumed`, () => {
    assert.match(refused('ResponseInvalid', token), /write spec\.refresh\.assumedLifetime/);
    assert.equal(issued(token, {}, { assumedLifetimeMs: HOUR_MS }).expiresAt, SENT + HOUR_MS);
  });
}

test('a lifetime is assumed only where none is stated', () => {
  const period = { assumedLifetimeMs: 60_000 };
  assert.equal(issued('opaque', { expires_in: 3600 }, period).expiresAt, SENT + HOUR_MS);
  const exp = inSeconds(HOUR_MS);
  assert.equal(issued(jwt({ exp }), {}, period).expiresAt, exp * 1000);
});

test('a token with a control character, a line end or a letter beyond ASCII is refused', () => {
  for (const bad of ['', 'a\nb', 'a\0', 'tökén', 'a\r\nSet-Cookie: b'])
    assert.match(refused('ResponseInvalid', bad, { expires_in: 60 }), /characters/);
});

test('a readable token tells issuer, audiences and scopes', () => {
  const claims = { iss: 'https://acme.eu.auth0.com/', aud: ['first', 'second'], scope: 'a b' };
  const { issuer, audiences, scopes } = issued(jwt(claims), { expires_in: 60 });
  assert.deepEqual([issuer, audiences, scopes], [claims.iss, claims.aud, ['a', 'b']]);
});

test('an opaque or encrypted token tells nothing, and without a scope in the response nobody does', () => {
  for (const token of ['opaque', JWE]) {
    const { value: _, issuedAt: __, expiresAt: ___, ...told } = issued(token, { expires_in: 60 });
    assert.deepEqual(told, { audiences: [] });
  }
});

test('the scopes of the response win over those of the token, also when there are none', () => {
  const token = jwt({ scope: 'a b' });
  assert.deepEqual(issued(token, { expires_in: 60, scope: 'a' }).scopes, ['a']);
  assert.deepEqual(issued(token, { expires_in: 60, scope: '' }).scopes, []);
  assert.deepEqual(issued('opaque', { expires_in: 60, scope: 'a' }).scopes, ['a']);
});
