import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDestination } from '../../src/http/destination.ts';
import { EgressRefusedError } from '../../src/http/egress.ts';

function refusal(url: string, allowHosts: string[] = []): EgressRefusedError | undefined {
  try {
    checkDestination(new URL(url), allowHosts);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof EgressRefusedError);
    return error;
  }
}

test('any https host is allowed when there is no list', () => {
  assert.equal(refusal('https://acme.eu.auth0.com/oauth/token'), undefined);
});

for (const scheme of ['http', 'ftp', 'ws', 'file']) {
  test(`${scheme} is refused`, () => assert.equal(refusal(`${scheme}://acme.dev/x`)?.rule, 'scheme'));
}

test('userinfo is refused, and not repeated in the message', () => {
  const refused = refusal('https://somebody:hunter2@acme.dev/');
  assert.equal(refused?.rule, 'userinfo');
  assert.doesNotMatch(refused?.message ?? '', /somebody|hunter2/);
});

const LIST = ['acme.dev', '*.eu.auth0.com'];

for (const host of ['acme.dev', 'acme.dev.', 'ACME.dev', 'a.eu.auth0.com', 'a.b.eu.auth0.com']) {
  test(`${host} is on the list ${LIST}`, () => assert.equal(refusal(`https://${host}/`, LIST), undefined));
}

for (const host of ['eu.auth0.com', 'evileu.auth0.com', 'a.acme.dev', 'acme.dev.evil.test', '127.0.0.1']) {
  test(`${host} is not on the list ${LIST}`, () =>
    assert.equal(refusal(`https://${host}/`, LIST)?.rule, 'host'));
}

test('a refused host is told which flag would allow it', () => {
  const refused = refusal('https://other.dev:8443/', LIST);
  assert.equal(refused?.host, 'other.dev');
  assert.match(refused?.message ?? '', /other\.dev .*rule: host.*--egress-allow-hosts/);
});
