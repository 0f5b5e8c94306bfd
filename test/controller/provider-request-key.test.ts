import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { requestKey } from '../../controller/provider/request-key.ts';
import type { ClientAuthentication } from '../../src/oauth/client-authentication.ts';
import type { TokenRequest } from '../../src/oauth/token-request.ts';
import { SecretValue } from '../../src/secret-value.ts';

const secret = (value = 'hunter2', method: 'Post' | 'Basic' = 'Post'): ClientAuthentication => ({
  type: 'ClientSecret',
  method,
  clientId: 'client',
  clientSecret: new SecretValue(value),
});

const key = (value = 'pem', keyId = 'one'): ClientAuthentication => ({
  type: 'PrivateKeyJwt',
  clientId: 'client',
  privateKey: new SecretValue(value),
  algorithm: 'RS256',
  keyId,
  assertionAudience: 'Issuer',
});

const assertion = (value = 'jwt', clientId = 'client'): ClientAuthentication => ({
  type: 'Assertion',
  clientId,
  assertion: new SecretValue(value),
});

const source: TokenRequest['source'] = {
  issuer: 'https://issuer.test/',
  tokenEndpoint: 'https://issuer.test/token',
  parameters: { audience: 'orders', resource: 'https://api.test' },
  scopes: ['read', 'write'],
};

const request = (change: Partial<TokenRequest['source']> = {}, client = secret()): TokenRequest => ({
  source: { ...source, ...change },
  client,
});

describe('the key of a token request', () => {
  it('is equal for equal requests, whatever the order of scopes and parameters', () => {
    const other = request({
      parameters: { resource: 'https://api.test', audience: 'orders' },
      scopes: ['write', 'read'],
    });
    assert.equal(requestKey('shop', request()), requestKey('shop', other));
  });

  it('differs in whatever changes the token, or who may have it', () => {
    const requests = [
      request(),
      request({ issuer: 'https://other.test/' }),
      request({ tokenEndpoint: 'https://issuer.test/other' }),
      request({ parameters: { audience: 'orders' } }),
      request({ parameters: { audience: 'orders', resource: 'https://api.test', organization: 'org' } }),
      request({ parameters: { resource: 'orders', audience: 'https://api.test' } }),
      request({ scopes: ['read'] }),
      request({ scopes: ['read write'] }),
      request({ scopes: [] }),
      request({}, secret('another')),
      request({}, secret('hunter2', 'Basic')),
      request({}, { ...secret(), clientId: 'another' }),
      request({}, key()),
      request({}, key('another')),
      request({}, key('pem', 'two')),
      request({}, assertion()),
      request({}, assertion('another')),
      request({}, assertion('jwt', '')),
      { ...request(), assumedLifetimeMs: 60_000 },
    ];
    const keys = [requestKey('other', request()), ...requests.map((each) => requestKey('shop', each))];
    assert.equal(new Set(keys).size, keys.length);
  });

  it('shows nothing of the credential', () => {
    for (const client of [secret(), key(), assertion()]) {
      assert.match(requestKey('shop', request({}, client)), /^[A-Za-z0-9_-]{43}$/);
    }
  });
});
