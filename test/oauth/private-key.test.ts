import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { FailureError } from '../../src/failure.ts';
import { importPrivateKey, type SigningAlgorithm } from '../../src/oauth/private-key.ts';
import { SecretValue } from '../../src/secret-value.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const shortRsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const k256 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
const ed = generateKeyPairSync('ed25519');

const pkcs8 = (key: KeyObject, options = {}) =>
  key.export({ type: 'pkcs8', format: 'pem', ...options }).toString();
const pkcs1 = (key: KeyObject, options = {}) =>
  key.export({ type: 'pkcs1', format: 'pem', ...options }).toString();
const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString();
const locked = { cipher: 'aes-256-cbc', passphrase: 'open sesame' };
const jwk = rsa.privateKey.export({ format: 'jwk' });
const publicJwk = rsa.publicKey.export({ format: 'jwk' });

const imported = (text: string, algorithm: SigningAlgorithm = 'RS256') =>
  importPrivateKey(new SecretValue(text), algorithm);

/** Every word of the key that a reader could recognise it by. */
function assertSilent(error: FailureError, text: string): void {
  const shown = `${inspect(error, { depth: null, showHidden: true })} ${JSON.stringify(error)} ${error.stack}`;
  const words = text.match(/[\w+/=-]{20,}/g) ?? [];
  assert.deepEqual(
    words.filter((word) => shown.includes(word)),
    [],
  );
  assert.equal(error.cause, undefined);
}

function refusal(text: string, algorithm: SigningAlgorithm = 'RS256'): string {
  try {
    imported(text, algorithm);
  } catch (error) {
    assert.ok(error instanceof FailureError, String(error));
    assert.equal(error.failure.reason, 'CredentialsInvalid');
    assert.match(error.message, /^The private key in the referenced Secret /);
    assertSilent(error, text);
    return error.message;
  }
  return assert.fail('the key was taken');
}

test('a key can sign, and cannot be taken out again', () => {
  for (const text of [pkcs8(rsa.privateKey), pkcs1(rsa.privateKey), JSON.stringify(jwk)]) {
    const { key } = imported(text);
    assert.deepEqual([key.type, key.extractable, key.usages], ['private', false, ['sign']]);
  }
});

test('the name of a key comes from its JWK, when that has one', () => {
  assert.equal(imported(JSON.stringify({ ...jwk, kid: '2026-11' })).kid, '2026-11');
  for (const kid of [undefined, '', 7])
    assert.equal('kid' in imported(JSON.stringify({ ...jwk, kid })), false);
  assert.equal('kid' in imported(pkcs8(rsa.privateKey)), false);
});

test('white space around a key does not matter', () => {
  assert.equal(imported(`\r\n ${pkcs8(rsa.privateKey)}\n\n`).key.type, 'private');
  assert.equal(imported(`\n${JSON.stringify(jwk, null, 2)}\n`).key.type, 'private');
  assert.equal(imported(pkcs8(rsa.privateKey).replaceAll('\n', '\r\n')).key.type, 'private');
});

test('a key as openssl writes it, with the parameters of its curve first, is taken', () => {
  const curve = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
  const text = curve + p256.privateKey.export({ type: 'sec1', format: 'pem' });
  assert.equal(imported(text, 'ES256').key.type, 'private');
});

const MISFITS: [what: string, key: KeyObject, algorithm: SigningAlgorithm, wanted: RegExp][] = [
  ['an RSA key for ES256', rsa.privateKey, 'ES256', /EC key on the curve P-256/],
  ['an RSA key for ES384', rsa.privateKey, 'ES384', /EC key on the curve P-384/],
  ['a P-256 key for ES384', p256.privateKey, 'ES384', /EC key on the curve P-384/],
  ['a P-384 key for ES256', p384.privateKey, 'ES256', /EC key on the curve P-256/],
  ['a P-256 key for RS256', p256.privateKey, 'RS256', /RSA key of at least 2048 bits/],
  ['a P-384 key for PS384', p384.privateKey, 'PS384', /RSA key of at least 2048 bits/],
  ['a secp256k1 key for ES256', k256.privateKey, 'ES256', /EC key on the curve P-256/],
  ['an RSA key of 1024 bits', shortRsa.privateKey, 'RS256', /RSA key of at least 2048 bits/],
  ['an RSA key restricted to PSS', pss.privateKey, 'PS256', /RSA key of at least 2048 bits/],
  ['an Ed25519 key', ed.privateKey, 'ES256', /EC key on the curve P-256/],
];

for (const [what, key, algorithm, wanted] of MISFITS) {
  test(`${what} is refused, and the message names the algorithm and what it needs`, () => {
    const message = refusal(pkcs8(key), algorithm);
    assert.match(message, wanted);
    assert.ok(message.includes(algorithm));
  });
}

test('an encrypted key is refused as one, in either of its forms', () => {
  for (const text of [pkcs8(rsa.privateKey, locked), pkcs1(rsa.privateKey, locked)])
    assert.match(refusal(text), /is encrypted.*without a passphrase/);
});

test('a public key or certificate in place of the private one is refused as one', () => {
  assert.match(refusal(spki(rsa.publicKey)), /public key or a certificate/);
  assert.match(refusal(pkcs1(rsa.publicKey)), /public key or a certificate/);
  assert.match(refusal('-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----'), /certificate/);
  assert.match(refusal(JSON.stringify(publicJwk)), /private part/);
});

test('a set of JWKs is refused as one', () =>
  assert.match(refusal(JSON.stringify({ keys: [jwk] })), /a set of JWKs/));

test('what is no key is refused, and nothing of it is repeated', () => {
  const broken = [
    pkcs8(rsa.privateKey).slice(0, 400),
    pkcs8(rsa.privateKey).replace(/\n/g, ''),
    pkcs8(rsa.privateKey).replace(/MII/, 'AAA'),
    Buffer.from(pkcs8(rsa.privateKey)).toString('base64'),
    JSON.stringify(jwk).slice(0, 300),
    JSON.stringify({ ...jwk, p: undefined, q: undefined }),
    JSON.stringify({ ...jwk, n: 7 }),
    JSON.stringify({ kty: 'oct', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQ', d: 'x' }),
    'my-very-secret-but-not-a-key-at-all',
    '{}',
    '[]',
    'null',
  ];
  for (const text of broken) assert.match(refusal(text), /cannot be read|private part/);
});
