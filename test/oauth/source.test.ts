import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailureError } from '../../src/failure.ts';
import { isCallable, requestForm, sourceHost } from '../../src/oauth/source.ts';

const nothing = { parameters: {}, scopes: [] };

test('a source is called by its host and port, never by user, path or query', () => {
  const url = 'https://user:pass@id.acme.dev:8443/realms/x?key=value#part';
  assert.equal(sourceHost({ ...nothing, issuer: url }), 'id.acme.dev:8443');
  assert.equal(sourceHost({ ...nothing, tokenEndpoint: url }), 'id.acme.dev:8443');
  const both = { issuer: 'https://a.acme.dev/', tokenEndpoint: 'https://b.acme.dev/token' };
  assert.equal(sourceHost({ ...nothing, ...both }), 'b.acme.dev');
});

test('a source whose URL is none has a name all the same', () => {
  for (const issuer of ['', 'acme', 'https://', 'https://acme.dev:99999']) {
    assert.equal(sourceHost({ ...nothing, issuer }), 'The source');
  }
});

test('only https without user and password is sent a credential', () => {
  assert.ok(isCallable('https://id.acme.dev/token?tenant=a'));
  for (const url of ['http://a.dev', 'ftp://a.dev', 'https://u@a.dev', 'https://:p@a.dev', 'a.dev', '']) {
    assert.equal(isCallable(url), false, url);
  }
});

test('scopes are sent with a blank between, and not at all when there are none', () => {
  const parameters = { audience: 'https://api.acme.dev', resource: 'urn:acme', organization: 'org_x' };
  assert.deepEqual(requestForm({ parameters, scopes: ['a', 'b:c'] }), { ...parameters, scope: 'a b:c' });
  assert.deepEqual(requestForm({ parameters, scopes: [] }), parameters);
});

for (const name of [
  'grant_type',
  'scope',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
]) {
  test(`the parameter ${name} is refused: the request sets it`, () => {
    assert.throws(
      () => requestForm({ parameters: { audience: 'a', [name]: 'mine' }, scopes: [] }),
      (error) => {
        assert.ok(error instanceof FailureError);
        assert.equal(error.failure.reason, 'RequestRefused');
        assert.match(error.message, new RegExp(`${name}.*spec\\.source\\.oauth2\\.parameters`));
        assert.doesNotMatch(error.message, /mine/);
        return true;
      },
    );
  });
}
