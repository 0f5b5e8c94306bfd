import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fingerprint, requirementOf, sourceOf } from '../../controller/source.ts';
import type { Source } from '../../src/binding/token-binding.generated.ts';
import type { TokenBindingSpec } from '../../src/binding/token-binding.ts';
import { aBinding } from '../support/binding.ts';

type OAuth2 = NonNullable<Source['oauth2']>;
const AUTH0 = { domain: 'acme.eu.auth0.com', audience: 'https://api.acme.dev', scopes: [] };
const auth0 = (change: object = {}) => aBinding({ spec: { source: { auth0: { ...AUTH0, ...change } } } });
const oauth2 = (change: Partial<OAuth2>, spec: Partial<TokenBindingSpec> = {}) =>
  aBinding({ spec: { source: { oauth2: { scopes: [], ...change } }, ...spec } });

describe('an Auth0 source', () => {
  it('needs no discovery, and its tokens name the tenant with a slash', () => {
    assert.deepEqual(sourceOf(auth0({ organization: 'org_x', scopes: ['read:orders'] }).spec), {
      issuer: 'https://acme.eu.auth0.com/',
      tokenEndpoint: 'https://acme.eu.auth0.com/oauth/token',
      expectedIssuer: 'https://acme.eu.auth0.com/',
      expectedAudience: 'https://api.acme.dev',
      parameters: { audience: 'https://api.acme.dev', organization: 'org_x' },
      scopes: ['read:orders'],
    });
  });
});

describe('an OAuth2 source', () => {
  it('with an issuer expects that issuer in the token', () => {
    const { issuer, tokenEndpoint, expectedIssuer } = sourceOf(
      oauth2({ issuer: 'https://id.acme.dev' }).spec,
    );
    assert.deepEqual([issuer, tokenEndpoint], ['https://id.acme.dev', undefined]);
    assert.equal(expectedIssuer, 'https://id.acme.dev');
  });

  it('with a token endpoint only expects no issuer', () => {
    const { spec } = oauth2({ tokenEndpoint: 'https://id.acme.dev/token' });
    assert.equal(sourceOf(spec).expectedIssuer, undefined);
    assert.deepEqual(requirementOf(spec, sourceOf(spec)), { scopes: [] });
  });

  it('sends audience, resource and further parameters under their names', () => {
    const { spec } = oauth2({
      issuer: 'https://id.acme.dev',
      audience: 'orders',
      resource: 'https://api.acme.dev',
      parameters: { tenant: 'acme' },
    });
    assert.deepEqual(sourceOf(spec).parameters, {
      ...{ audience: 'orders', resource: 'https://api.acme.dev', tenant: 'acme' },
    });
  });
});

describe('what a token must say', () => {
  it('is issuer, audience, scopes and the least life that the spec names', () => {
    const { spec } = oauth2(
      { issuer: 'https://id.acme.dev', audience: 'orders', scopes: ['read'] },
      { verify: { minLifetime: '1h30m' } },
    );
    assert.deepEqual(requirementOf(spec, sourceOf(spec)), {
      ...{ issuer: 'https://id.acme.dev', audience: 'orders', scopes: ['read'] },
      minLifetimeMs: 5_400_000,
    });
  });
});

describe('the fingerprint of a token', () => {
  const base = {
    issuer: 'https://id.acme.dev',
    audience: 'orders',
    scopes: ['a', 'b'],
    parameters: { x: '1', y: '2' },
  };
  const of = (change: Partial<OAuth2> = {}, spec: Partial<TokenBindingSpec> = {}) =>
    fingerprint(oauth2({ ...base, ...change }, spec), 'client');

  for (const change of [
    { issuer: 'https://id.acme.dev/realms/x' },
    { audience: 'invoices' },
    { resource: 'https://api.acme.dev' },
    { scopes: ['a'] },
    { parameters: { x: '1', y: '3' } },
  ]) {
    it(`differs for another ${Object.keys(change)}`, () => assert.notEqual(of(change), of()));
  }

  it('differs for another client, and for another kind of source', () => {
    assert.notEqual(fingerprint(oauth2(base), 'other'), of());
    assert.notEqual(fingerprint(auth0(), 'client'), of());
  });

  it('is the same however the client authenticates, whatever the order of scopes and parameters', () => {
    const secretRef = {
      ...{ name: 'key', clientIdKey: 'client_id', privateKeyKey: 'k', nextPrivateKeyKey: 'n' },
    };
    const clientAuthentication = { privateKeyJwt: { secretRef, algorithm: 'RS256' as const } };
    assert.equal(of({}, { clientAuthentication }), of());
    assert.equal(of({ scopes: ['b', 'a'], parameters: { y: '2', x: '1' } }), of());
    assert.equal(of({}, { verify: { minLifetime: '1h' }, suspend: true }), of());
  });
});
