import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailureError } from '../../src/failure.ts';
import { readTokenBody } from '../../src/oauth/token-body.ts';

const TOKEN = { access_token: 'opaque-token', token_type: 'Bearer', expires_in: 86_400 };

const read = (body: unknown, contentType = 'application/json') => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return readTokenBody(new Response(text, { headers: { 'content-type': contentType } }), 'id.acme.dev');
};

async function outcome(body: unknown, contentType?: string): Promise<string> {
  try {
    await read(body, contentType);
  } catch (error) {
    assert.ok(error instanceof FailureError, String(error));
    const { reason, disposition, message } = error.failure;
    assert.match(message, /^id\.acme\.dev (answered|issued) /);
    return `${reason} ${disposition}`;
  }
  return assert.fail('the body was accepted');
}

test('a token response is one whatever its content type, and however its type is spelled', async () => {
  for (const type of ['application/json', 'text/plain', 'text/html'])
    for (const token_type of ['Bearer', 'bearer', 'BEARER'])
      assert.equal((await read({ ...TOKEN, token_type }, type)).access_token, 'opaque-token');
});

test('what comes with a token and is of no use does no harm', async () => {
  const extras = [
    { id_token: 'none' },
    { refresh_token: '' },
    { refresh_token: null },
    { scope: null },
    { a: {} },
  ];
  for (const more of extras) assert.equal((await read({ ...TOKEN, ...more })).access_token, 'opaque-token');
});

test('a lifetime written as a string of digits is understood', async () => {
  assert.equal((await read({ ...TOKEN, expires_in: '3600' })).expires_in, 3600);
});

test('a lifetime that is missing is left to the token', async () => {
  for (const expires_in of [undefined, null])
    assert.equal((await read({ ...TOKEN, expires_in })).expires_in, undefined);
});

test('a page, half a JSON or nothing in place of a token is an outage', async () => {
  for (const body of ['<html>maintenance</html>', '{"access_token":', '', '\0'])
    for (const type of ['application/json', 'text/html'])
      assert.equal(await outcome(body, type), 'ProviderUnavailable retry');
});

for (const token_type of ['DPoP', 'mac', 'N_A']) {
  test(`a token of type ${token_type} fails the check of its type, which a person has to look into`, async () => {
    assert.equal(await outcome({ ...TOKEN, token_type }), 'VerificationFailed stall');
    await assert.rejects(read({ ...TOKEN, token_type }), { message: /the check "token type".*Bearer/ });
  });
}

const MALFORMED: [what: string, body: unknown][] = [
  ['no access_token', { token_type: 'Bearer', expires_in: 60 }],
  ['an empty access_token', { ...TOKEN, access_token: '' }],
  ['an access_token that is no string', { ...TOKEN, access_token: { a: 1 } }],
  ['no token_type', { access_token: 'a', expires_in: 60 }],
  ['a token_type that is no string', { ...TOKEN, token_type: ['Bearer'] }],
  ['a negative lifetime', { ...TOKEN, expires_in: -1 }],
  ['a lifetime in words', { ...TOKEN, expires_in: 'long' }],
  ['a scope that is no string', { ...TOKEN, scope: ['read'] }],
  ['an error with status 200', { error: 'invalid_client' }],
  ['a list', [TOKEN]],
  ['null', null],
  ['a string', '"opaque-token"'],
];

for (const [what, body] of MALFORMED) {
  test(`a 200 with ${what} is ResponseInvalid, tried again`, async () => {
    assert.equal(await outcome(body), 'ResponseInvalid retry');
  });
}
