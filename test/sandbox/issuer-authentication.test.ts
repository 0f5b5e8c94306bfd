import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { JWK } from 'oidc-provider';
import { AUDIENCE, type LoneIssuer, refusalOf, startLoneIssuer } from './fixtures/lone-issuer.ts';

let lone: LoneIssuer;
before(async () => {
  lone = await startLoneIssuer();
});
after(() => lone?.stop());

interface Key {
  readonly id: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: JWK;
}

async function makeKey(alg: string): Promise<Key> {
  const pair = await generateKeyPair(alg, { extractable: true });
  const id = randomUUID();
  const publicKey = { ...(await exportJWK(pair.publicKey)), kid: id, alg, use: 'sig' } as JWK;
  return { id, alg, privateKey: pair.privateKey, publicKey };
}

const secondsNow = () => Math.floor(Date.now() / 1000);

function claimsOf(clientId: string): JWTPayload {
  const now = secondsNow();
  const times = { iat: now, nbf: now, exp: now + 60 };
  return { iss: clientId, sub: clientId, aud: lone.issuer.url, jti: randomUUID(), ...times };
}

function sign(key: Key, claims: JWTPayload): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: key.alg, kid: key.id }).sign(key.privateKey);
}

function present(assertion: string, at: LoneIssuer = lone): Promise<Response> {
  return at.post({
    audience: AUDIENCE,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  });
}

describe('a client secret', () => {
  const basic = (id: string, secret: string) => ({
    authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`,
  });
  const byBasic = (id: string, secret: string) =>
    lone.post({ audience: AUDIENCE }, { headers: basic(id, secret) });
  const byPost = (id: string, secret: string) =>
    lone.post({ audience: AUDIENCE, client_id: id, client_secret: secret });

  it('is taken from HTTP Basic, form-encoded, as well as from the body', async () => {
    lone.issuer.addClient({ id: 'a:client', secret: 'a secret:%+&=' });
    assert.equal((await byBasic('a:client', 'a secret:%+&=')).status, 200);
    assert.equal((await byPost('a:client', 'a secret:%+&=')).status, 200);
    assert.equal(lone.issuer.received.at(-2)?.clientId, 'a:client');
  });

  it('is refused in Basic as in the body, with a challenge', async () => {
    const response = await byBasic('m2m', 'wrong');
    assert.match(response.headers.get('www-authenticate') ?? '', /^Basic /);
    assert.deepEqual(await refusalOf(response), [401, 'access_denied']);
  });

  it('is taken in one way only by a client that is registered for it', async () => {
    lone.issuer.addClient({ id: 'basic', secret: 's', method: 'client_secret_basic' });
    lone.issuer.addClient({ id: 'post', secret: 's', method: 'client_secret_post' });
    assert.equal((await byBasic('basic', 's')).status, 200);
    assert.deepEqual(await refusalOf(await byPost('basic', 's')), [401, 'access_denied']);
    assert.equal((await byPost('post', 's')).status, 200);
    assert.deepEqual(await refusalOf(await byBasic('post', 's')), [401, 'access_denied']);
  });

  it('may be one of two while a new one spreads, until the old one stops working', async () => {
    const { issuer } = lone;
    issuer.addClient({ id: 'rotating', secret: 'old' });
    assert.equal((await byPost('rotating', 'new')).status, 401);
    issuer.setClientSecret('rotating', 'new', { alsoAccept: ['old'] });
    assert.equal((await byPost('rotating', 'new')).status, 200);
    assert.equal((await byPost('rotating', 'old')).status, 200);
    issuer.setClientSecret('rotating', 'new');
    assert.equal((await byPost('rotating', 'new')).status, 200);
    assert.equal((await byPost('rotating', 'old')).status, 401);
  });

  it('cannot be given to a client that is not there', () => {
    assert.throws(() => lone.issuer.setClientSecret('nobody', 's'), /no client "nobody"/);
  });
});

describe('a client assertion', () => {
  const ID = 'by-key';
  let key: Key;
  before(async () => {
    key = await makeKey('RS256');
    lone.issuer.addClient({ id: ID, jwks: { keys: [key.publicKey] } });
  });
  const refusedWith = async (claims: JWTPayload) =>
    refusalOf(await present(await sign(key, { ...claimsOf(ID), ...claims })));

  for (const alg of ['RS256', 'RS384', 'PS256', 'PS384', 'ES256', 'ES384']) {
    it(`is taken with ${alg}`, async () => {
      const own = await makeKey(alg);
      lone.issuer.addClient({ id: alg, jwks: { keys: [own.publicKey] } });
      assert.equal((await present(await sign(own, claimsOf(alg)))).status, 200);
      assert.equal(lone.issuer.received.at(-1)?.clientId, alg);
    });
  }

  it('is taken once', async () => {
    const assertion = await sign(key, claimsOf(ID));
    assert.equal((await present(assertion)).status, 200);
    assert.deepEqual(await refusalOf(await present(assertion)), [401, 'invalid_client']);
  });

  it('is refused as Auth0 refuses it', async () => {
    const now = secondsNow();
    const { url } = lone.issuer;
    const flawed: JWTPayload[] = [
      { aud: `${url}oauth/token` },
      { aud: [url, `${url}oauth/token`] },
      { aud: url.slice(0, -1) },
      { iss: 'somebody' },
      { exp: now - 60 },
      { exp: now + 600 },
      { iat: now + 60, exp: now + 120 },
      { nbf: now + 60 },
      { jti: 'j'.repeat(65) },
      { padding: 'p'.repeat(2048) },
    ];
    for (const claims of flawed)
      assert.deepEqual(await refusedWith(claims), [401, 'invalid_client'], JSON.stringify(claims));
  });

  it('may be 10 s ahead of time', async () => {
    const early = { iat: secondsNow() + 8, nbf: secondsNow() + 8 };
    assert.equal((await present(await sign(key, { ...claimsOf(ID), ...early }))).status, 200);
  });

  it('is refused when another key signed it', async () => {
    const stranger = { ...(await makeKey('RS256')), id: key.id };
    const assertion = await sign(stranger, claimsOf(ID));
    assert.deepEqual(await refusalOf(await present(assertion)), [401, 'invalid_client']);
  });

  it('is taken with either of two keys, and no longer with a key that was removed', async () => {
    const next = await makeKey('RS256');
    const trial = async (tried: Key) => (await present(await sign(tried, claimsOf('two-keys')))).status;
    lone.issuer.addClient({ id: 'two-keys', jwks: { keys: [key.publicKey] } });
    assert.deepEqual([await trial(key), await trial(next)], [200, 401]);
    lone.issuer.setClientKeys('two-keys', [key.publicKey, next.publicKey]);
    assert.deepEqual([await trial(key), await trial(next)], [200, 200]);
    lone.issuer.setClientKeys('two-keys', [next.publicKey]);
    assert.deepEqual([await trial(key), await trial(next)], [401, 200]);
  });

  it('may have two keys at most, and only where there are keys', () => {
    const three = [key.publicKey, key.publicKey, key.publicKey];
    assert.throws(() => lone.issuer.setClientKeys(ID, three), /two at most/);
    assert.throws(() => lone.issuer.setClientKeys('m2m', [key.publicKey]), /no client "m2m" with keys/);
  });

  it('is meant for the token endpoint where the issuer knows itself by that', async () => {
    const other = await startLoneIssuer({
      clients: [{ id: ID, jwks: { keys: [key.publicKey] } }],
      assertionAudience: 'TokenEndpoint',
    });
    try {
      const withAudience = (aud: string) => sign(key, { ...claimsOf(ID), aud });
      const { url } = other.issuer;
      assert.equal((await present(await withAudience(`${url}oauth/token`), other)).status, 200);
      assert.equal((await present(await withAudience(url), other)).status, 401);
    } finally {
      await other.stop();
    }
  });
});
