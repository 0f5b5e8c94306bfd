import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { after, before, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import type { ClientMetadata } from 'oidc-provider';
import { createAuthority } from '../../sandbox/pki.ts';
import { systemClock } from '../../src/clock.ts';
import { FailureError } from '../../src/failure.ts';
import { createEgress, type Egress } from '../../src/http/egress.ts';
import type { ClientAuthentication, PrivateKeyJwt } from '../../src/oauth/client-authentication.ts';
import { DISCOVERY_LIMITS, Discovery } from '../../src/oauth/discovery.ts';
import type { SigningAlgorithm } from '../../src/oauth/private-key.ts';
import type { Source } from '../../src/oauth/source.ts';
import { requestToken, TOKEN_REQUEST_LIMITS } from '../../src/oauth/token-request.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { ShiftedClock } from '../support/shifted-clock.ts';
import { type OpenProvider, startOpenProvider } from './open-provider.ts';

const KEYS = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  p256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  p384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
};
type KeyName = keyof typeof KEYS;

const ALGORITHMS: [SigningAlgorithm, KeyName][] = [
  ['RS256', 'rsa'],
  ['RS384', 'rsa'],
  ['PS256', 'rsa'],
  ['PS384', 'rsa'],
  ['ES256', 'p256'],
  ['ES384', 'p384'],
];

/** Every form that a private key comes in, of those that there are for its kind. */
const pem = (key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1') =>
  key.export({ type, format: 'pem' }).toString();
const FORMS: Record<string, (name: KeyName) => string> = {
  'PKCS #8': (name) => pem(KEYS[name].privateKey, 'pkcs8'),
  'PKCS #1 or SEC 1': (name) => pem(KEYS[name].privateKey, name === 'rsa' ? 'pkcs1' : 'sec1'),
  JWK: (name) => JSON.stringify({ ...KEYS[name].privateKey.export({ format: 'jwk' }), kid: name }),
};

/** What form encoding changes, or what Basic would end an id at: RFC 6749 §2.3.1 encodes them first. */
const ODD = ['with:colon', 'per%cent%3A', 'plus+plus', 'a blank', '~!*()\'"&=#?/\\'];

const jwks = {
  keys: Object.entries(KEYS).map(([kid, { publicKey }]) => ({ ...publicKey.export({ format: 'jwk' }), kid })),
} as NonNullable<ClientMetadata['jwks']>;

const secretClient = (
  client_id: string,
  client_secret: string,
  method: 'post' | 'basic',
): ClientMetadata => ({
  ...{ client_id, client_secret, token_endpoint_auth_method: `client_secret_${method}` },
});

let provider: OpenProvider;
let egress: Egress;

before(async () => {
  const authority = await createAuthority('private CA');
  egress = createEgress({ ca: [authority.certPem], allowHosts: [], allowLoopback: true });
  provider = await startOpenProvider(authority, [
    ...ODD.map((odd) => secretClient(`basic ${odd}`, `secret ${odd}`, 'basic')),
    ...ODD.map((odd) => secretClient(`post ${odd}`, `secret ${odd}`, 'post')),
    { client_id: 'signer', token_endpoint_auth_method: 'private_key_jwt', jwks },
  ]);
});
after(async () => {
  await egress.close();
  await provider.stop();
});

interface Setting {
  readonly source?: Partial<Source>;
  readonly skewMs?: number;
  readonly clock?: ShiftedClock;
  readonly fetch?: typeof globalThis.fetch;
}

function ask(client: ClientAuthentication, { source, ...rest }: Setting = {}) {
  const { issuer, tokenEndpoint } = provider;
  const discovery = new Discovery({ fetch: egress.fetch(DISCOVERY_LIMITS), clock: systemClock });
  return requestToken(
    { source: { issuer, tokenEndpoint, parameters: {}, scopes: ['read:orders'], ...source }, client },
    { fetch: egress.fetch(TOKEN_REQUEST_LIMITS), clock: systemClock, discovery, ...rest },
  );
}

const signer = (rest: Partial<PrivateKeyJwt> = {}): PrivateKeyJwt => ({
  type: 'PrivateKeyJwt',
  clientId: 'signer',
  privateKey: new SecretValue(FORMS['PKCS #8']?.('rsa') ?? ''),
  algorithm: 'RS256',
  assertionAudience: 'Issuer',
  ...rest,
});

const lastForm = () => provider.forms.at(-1) ?? assert.fail('nothing was sent');
const lastAssertion = () => String(lastForm().client_assertion);

/** What would have been sent, and was not. */
async function intercepted(client: ClientAuthentication) {
  const sent: { headers: Headers; form: URLSearchParams }[] = [];
  const fetch: typeof globalThis.fetch = async (_url, init) => {
    sent.push({ headers: new Headers(init?.headers), form: new URLSearchParams(String(init?.body)) });
    return new Response(null, { status: 503 });
  };
  await failureOf(ask(client, { fetch, source: { scopes: [] } }));
  return sent[0] ?? assert.fail('nothing was sent');
}

async function failureOf(asked: Promise<unknown>) {
  try {
    await asked;
  } catch (error) {
    assert.ok(error instanceof FailureError, String(error));
    return error.failure;
  }
  return assert.fail('a token was issued');
}

for (const method of ['Basic', 'Post'] as const) {
  for (const odd of ODD) {
    test(`a certified provider takes by ${method} an id and a secret that hold ${odd}`, async () => {
      const clientId = `${method.toLowerCase()} ${odd}`;
      const clientSecret = new SecretValue(`secret ${odd}`);
      const token = await ask({ type: 'ClientSecret', method, clientId, clientSecret });
      assert.deepEqual(token.scopes, ['read:orders']);
      assert.equal('client_secret' in lastForm(), method === 'Post');
    });
  }

  test(`a wrong secret by ${method} is CredentialsInvalid`, async () => {
    const clientSecret = new SecretValue('wrong');
    const clientId = `${method.toLowerCase()} a blank`;
    const { reason, message } = await failureOf(
      ask({ type: 'ClientSecret', method, clientId, clientSecret }),
    );
    assert.equal(reason, 'CredentialsInvalid');
    assert.match(message, /client secret/);
  });
}

test('letters beyond ASCII, which a certified provider has none of, are sent as UTF-8', async () => {
  const [clientId, secret] = ['Bäckerei', 'Schlüssel ß:€'];
  const clientSecret = new SecretValue(secret);
  const basic = await intercepted({ type: 'ClientSecret', method: 'Basic', clientId, clientSecret });
  const [, encoded = ''] = (basic.headers.get('authorization') ?? '').split('Basic ');
  const pair = Buffer.from(encoded, 'base64').toString('ascii').split(':');
  assert.deepEqual(
    pair.map((part) => decodeURIComponent(part.replaceAll('+', ' '))),
    [clientId, secret],
  );
  assert.deepEqual([...basic.form], [['grant_type', 'client_credentials']]);
  const post = await intercepted({ type: 'ClientSecret', method: 'Post', clientId, clientSecret });
  assert.deepEqual([post.form.get('client_id'), post.form.get('client_secret')], [clientId, secret]);
  assert.equal(post.headers.has('authorization'), false);
});

for (const [form, write] of Object.entries(FORMS)) {
  for (const [algorithm, key] of ALGORITHMS) {
    test(`a certified provider takes an assertion signed by ${algorithm} with a key as ${form}`, async () => {
      await ask(signer({ algorithm, privateKey: new SecretValue(write(key)) }));
      const { alg, kid, typ } = decodeProtectedHeader(lastAssertion());
      assert.deepEqual([alg, kid, typ], [algorithm, form === 'JWK' ? key : undefined, undefined]);
    });
  }
}

test('an assertion names the client twice, one audience, a minute of life and no more', async () => {
  await ask(signer());
  const { jti, iat = 0, nbf, exp = 0, ...names } = decodeJwt(lastAssertion());
  assert.deepEqual(names, { iss: 'signer', sub: 'signer', aud: provider.issuer });
  assert.deepEqual([exp - iat, nbf], [60, iat]);
  assert.ok(iat * 1000 < Date.now() && exp * 1000 > Date.now() + 45_000);
  assert.ok(String(jti).length >= 16 && String(jti).length <= 64);
  assert.ok(lastAssertion().length < 2048);
  const { client_assertion: _, ...rest } = lastForm();
  assert.deepEqual(rest, {
    grant_type: 'client_credentials',
    scope: 'read:orders',
    client_id: 'signer',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  });
});

test('an assertion is meant for the token endpoint where that is chosen', async () => {
  await ask(signer({ assertionAudience: 'TokenEndpoint' }));
  assert.equal(decodeJwt(lastAssertion()).aud, provider.tokenEndpoint);
});

test('the kid of a JWK wins over a keyId that is given, which is about the key before or after it', async () => {
  const privateKey = new SecretValue(
    JSON.stringify({ ...KEYS.rsa.privateKey.export({ format: 'jwk' }), kid: 'rsa' }),
  );
  await ask(signer({ privateKey, keyId: 'x' }));
  assert.equal(decodeProtectedHeader(lastAssertion()).kid, 'rsa');
});

test('every request has an assertion of its own, and the provider refuses one that is sent again', async () => {
  const ids = [];
  for (let n = 0; n < 3; n += 1) {
    await ask(signer());
    ids.push(decodeJwt(lastAssertion()).jti);
  }
  assert.equal(new Set(ids).size, 3);
  const assertion = new SecretValue(lastAssertion());
  const { reason } = await failureOf(ask({ type: 'Assertion', clientId: 'signer', assertion }));
  assert.equal(reason, 'CredentialsInvalid');
});

test('an assertion that somebody else has signed is sent as it is', async () => {
  for (const clientId of ['signer', '']) {
    const { form } = await intercepted(signer());
    const assertion = new SecretValue(form.get('client_assertion') ?? '');
    await ask({ type: 'Assertion', clientId, assertion });
    const { client_assertion, client_id } = lastForm();
    assert.deepEqual([client_assertion, client_id], [assertion.reveal(), clientId || undefined]);
  }
});

test('a clock that is wrong by hours is no obstacle once the skew is known', async () => {
  const hours = 5 * 3_600_000;
  for (const shift of [hours, -hours]) {
    const clock = new ShiftedClock();
    clock.shift(shift);
    assert.equal((await failureOf(ask(signer(), { clock }))).reason, 'CredentialsInvalid');
    await ask(signer(), { clock, skewMs: -shift });
  }
});

test('an assertion by a key that is not registered is CredentialsInvalid, and the message speaks of the key', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { reason, message } = await failureOf(
    ask(signer({ privateKey: new SecretValue(pem(privateKey, 'pkcs8')) })),
  );
  assert.equal(reason, 'CredentialsInvalid');
  assert.match(message, /private key/);
});
