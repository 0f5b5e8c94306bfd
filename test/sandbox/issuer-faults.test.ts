import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, afterEach, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { createRemoteJWKSet, customFetch, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { AUDIENCE, answerOf, type LoneIssuer, startLoneIssuer } from './fixtures/lone-issuer.ts';

let lone: LoneIssuer;
before(async () => {
  lone = await startLoneIssuer();
  lone.issuer.addAudience(AUDIENCE, ['read', 'write']);
  lone.issuer.addClient({ id: 'other', secret: 'right' });
});
after(() => lone?.stop());
afterEach(() => lone.issuer.clearFault());

const issue = async () => answerOf(await lone.ask());
const keys = () => createRemoteJWKSet(new URL(lone.issuer.jwksUrl), { [customFetch]: lone.fetch });

describe('a token that is wrong', () => {
  it('for another audience, yet properly signed', async () => {
    lone.issuer.setFault({ kind: 'wrongAudience' });
    const { access_token } = await issue();
    const { payload } = await jwtVerify(access_token, keys(), { audience: 'https://elsewhere.test' });
    assert.equal(payload.iss, lone.issuer.url);
    lone.issuer.setFault({ kind: 'wrongAudience', audience: 'https://third.test' });
    assert.equal(decodeJwt((await issue()).access_token).aud, 'https://third.test');
  });

  it('without one of its scopes, in token and answer', async () => {
    lone.issuer.setFault({ kind: 'missingScope' });
    const last = await issue();
    assert.deepEqual([last.scope, decodeJwt(last.access_token).scope], ['read', 'read']);
    lone.issuer.setFault({ kind: 'missingScope', scope: 'read' });
    const named = await issue();
    assert.deepEqual([named.scope, decodeJwt(named.access_token).scope], ['write', 'write']);
  });

  it('past its end, while the answer says otherwise', async () => {
    lone.issuer.setFault({ kind: 'expired', secondsAgo: 5 });
    const { access_token, expires_in } = await issue();
    assert.equal(expires_in, 60);
    const { exp = 0, iat = 0 } = decodeJwt(access_token);
    const ago = Date.now() / 1000 - exp;
    assert.ok(ago >= 5 && ago < 10, `ended ${ago} s ago`);
    assert.equal(exp - iat, 60);
    await assert.rejects(jwtVerify(access_token, keys()), { code: 'ERR_JWT_EXPIRED' });
  });

  it('opaque', async () => {
    lone.issuer.setFault({ kind: 'opaque' });
    assert.match((await issue()).access_token, /^[\w-]{43}$/);
    assert.equal((await issue()).expires_in, 60);
    lone.issuer.setFault({ kind: 'opaque', timeless: true });
    assert.equal('expires_in' in (await issue()), false);
  });

  it('encrypted, of five parts', async () => {
    lone.issuer.setFault({ kind: 'encrypted' });
    const { access_token } = await issue();
    assert.equal(access_token.split('.').filter((part) => part !== '').length, 5);
    assert.equal(decodeProtectedHeader(access_token).enc, 'A256GCM');
  });
});

describe('an answer that is wrong', () => {
  it('about the lifetime, with any value or none', async () => {
    for (const value of [0, -1, '3600', null, 1e300]) {
      lone.issuer.setFault({ kind: 'expiresIn', value });
      assert.equal((await issue()).expires_in, value);
    }
    lone.issuer.setFault({ kind: 'expiresIn', value: undefined });
    assert.equal('expires_in' in (await issue()), false);
  });

  it('about the type of the token', async () => {
    lone.issuer.setFault({ kind: 'tokenType' });
    assert.equal((await issue()).token_type, 'DPoP');
    lone.issuer.setFault({ kind: 'tokenType', value: 'bearer' });
    assert.equal((await issue()).token_type, 'bearer');
  });

  it('about the time of day, and about nothing else', async () => {
    lone.issuer.setFault({ kind: 'clockSkew', ms: -3_600_000 });
    const response = await lone.ask();
    const behind = Date.now() - Date.parse(response.headers.get('date') ?? '');
    assert.ok(behind >= 3_599_000 && behind < 3_610_000, `${behind} ms behind`);
    await jwtVerify((await answerOf(response)).access_token, keys(), { audience: AUDIENCE });
  });

  it('that is no JSON, but says that it is', async () => {
    lone.issuer.setFault({ kind: 'notJson' });
    const response = await lone.ask();
    assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'application/json']);
    await assert.rejects(response.json(), SyntaxError);
  });

  it('that sends the client elsewhere', async () => {
    lone.issuer.setFault({ kind: 'redirect', location: 'https://elsewhere.test/' });
    const response = await lone.ask();
    assert.deepEqual([response.status, response.headers.get('location')], [302, 'https://elsewhere.test/']);
  });
});

describe('an answer without measure', () => {
  it('has 10 MB', async () => {
    lone.issuer.setFault({ kind: 'hugeBody' });
    const body = await (await lone.ask()).text();
    assert.equal(body.length, 10_000_000);
    assert.equal((JSON.parse(body) as { token_type: string }).token_type, 'Bearer');
  });

  it('has no end, until the client leaves', async () => {
    lone.issuer.setFault({ kind: 'endlessBody' });
    const leaving = new AbortController();
    const response = await lone.ask({}, { signal: leaving.signal });
    let received = 0;
    await assert.rejects(async () => {
      for await (const chunk of response.body ?? []) {
        received += chunk.length;
        if (received > 1_000_000) leaving.abort();
      }
    }, /abort/i);
    lone.issuer.clearFault();
    await issue();
  });

  it('has headers that never end, byte by byte', async () => {
    lone.issuer.setFault({ kind: 'slowHeaders', everyMs: 5 });
    const ca = lone.authority.certPem;
    const socket = connect({
      host: '127.0.0.1',
      servername: 'localhost',
      port: Number(new URL(lone.issuer.url).port),
      ca,
    });
    socket.setEncoding('utf8');
    socket.write('POST /oauth/token HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n');
    let heard = '';
    while (!heard.includes('aaaaa')) heard += String(await once(socket, 'data'));
    socket.destroy();
    assert.match(heard, /^HTTP\/1\.1 200 OK\r\nx-slow: a+$/);
  });
});

describe('a fault of one client', () => {
  const statuses = async () => [(await lone.ask()).status, (await lone.ask({ client_id: 'other' })).status];

  it('leaves the others alone, and goes before everybody’s', async () => {
    lone.issuer.setFault({ kind: 'serverError', status: 502 }, { clientId: 'other' });
    assert.deepEqual(await statuses(), [200, 502]);
    lone.issuer.setFault({ kind: 'serverError', status: 503 });
    assert.deepEqual(await statuses(), [503, 502]);
    lone.issuer.clearFault({ clientId: 'other' });
    assert.deepEqual(await statuses(), [503, 503]);
    lone.issuer.clearFault();
    assert.deepEqual(await statuses(), [200, 200]);
  });

  it('strikes as often as told', async () => {
    lone.issuer.setFault({ kind: 'serverError', times: 1 }, { clientId: 'other' });
    assert.deepEqual(await statuses(), [200, 503]);
    assert.deepEqual(await statuses(), [200, 200]);
  });
});
