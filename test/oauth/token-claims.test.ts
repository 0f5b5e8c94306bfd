import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readClaims, readScopes } from '../../src/oauth/token-claims.ts';

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** An unsigned JWT: nobody here verifies a signature. */
const jwt = (claims: unknown) => `${part({ alg: 'RS256', typ: 'at+jwt' })}.${part(claims)}.c2ln`;

/** Five parts, as an encrypted token has; the second one would be readable claims if it were a JWT. */
const JWE = `${part({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.${part({ iss: 'https://other.test/' })}.aXY.Y3Q.dGFn`;

const NOTHING = { audiences: [] };

test('a JWT tells issuer, all its audiences, scopes and expiry', () => {
  const claims = {
    iss: 'https://acme.eu.auth0.com/',
    aud: ['first', 'second'],
    scope: 'a b',
    exp: 1768473017,
  };
  assert.deepEqual(readClaims(jwt(claims)), {
    issuer: claims.iss,
    audiences: claims.aud,
    scopes: ['a', 'b'],
    expiresAt: 1768473017000,
  });
});

test('a single audience is a list of one', () =>
  assert.deepEqual(readClaims(jwt({ aud: 'one' })).audiences, ['one']));

test('opaque and encrypted tokens tell nothing', () => {
  for (const token of ['', 'opaque', JWE, 'a.b.c', '..', jwt([]), jwt('text'), jwt(null)])
    assert.deepEqual(readClaims(token), NOTHING, token);
});

test('claims of the wrong type are left out', () => {
  assert.deepEqual(readClaims(jwt({ iss: 7, aud: {}, scope: 1, scp: {}, exp: 'soon' })), NOTHING);
  assert.deepEqual(readClaims(jwt({ aud: ['one', 7, null] })).audiences, ['one']);
});

const SCOPES: [what: string, claims: object, scopes: string[] | undefined][] = [
  ['scp is a claim of scopes too, as text', { scp: 'a b' }, ['a', 'b']],
  ['or as a list', { scp: ['a', 'b'] }, ['a', 'b']],
  ['and so may scope be', { scope: ['a', 1, ''] }, ['a']],
  ['scope wins over scp', { scope: 'a', scp: 'b' }, ['a']],
  ['an empty one grants none', { scope: '' }, []],
  ['spaces in a row are one', { scope: ' a  b ' }, ['a', 'b']],
  ['what is neither text nor list tells nothing', { scope: { a: 1 } }, undefined],
];

for (const [what, claims, expected] of SCOPES) {
  test(`scopes: ${what}`, () => assert.deepEqual(readClaims(jwt(claims)).scopes, expected));
}

test('names are cut to what a status holds, and stay longer than any that a spec can hold', () => {
  const long = 'a'.repeat(5000);
  const many = Array(300).fill(long);
  const { issuer, audiences, scopes = [] } = readClaims(jwt({ iss: long, aud: many, scope: many }));
  assert.equal(issuer?.length, 2048);
  assert.deepEqual([audiences.length, audiences[0]?.length], [256, 2048]);
  assert.deepEqual([scopes.length, scopes[0]?.length], [256, 1024]);
});

test('no token and no claim makes it throw', () => {
  const claim = fc.jsonValue();
  const claims = fc.record(
    { iss: claim, aud: claim, exp: claim, scope: claim, scp: claim },
    { requiredKeys: [] },
  );
  fc.assert(fc.property(claims, (some) => readClaims(jwt(some)).audiences.length <= 256));
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => readClaims(text).audiences.length === 0));
  fc.assert(fc.property(claim, (some) => (readScopes(some)?.length ?? 0) <= 256));
});
