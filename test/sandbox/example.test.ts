import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { exampleBinding, exampleCredentials } from '../../sandbox/example.ts';

const SETTING = {
  domain: 'localhost:8443',
  audience: 'https://api.test',
  clientId: 'client',
  clientSecret: 'client-secret',
  app: 'shop',
  apiToken: 'api-token',
};

const read = (file: string) => readFile(new URL(`../../examples/${file}`, import.meta.url), 'utf8');

describe('the example binding', () => {
  it('is the file, but for domain, audience and app', async () => {
    const expected = parse(await read('tokenbinding.yaml'));
    expected.spec.source.auth0 = { domain: 'localhost:8443', audience: 'https://api.test' };
    expected.spec.deliveries[0].fly.app = 'shop';
    assert.deepEqual(await exampleBinding(SETTING), expected);
  });

  it('without deliveries is the file, but for domain and audience', async () => {
    const expected = parse(await read('secret-only.yaml'));
    expected.spec.source.auth0 = { domain: 'localhost:8443', audience: 'https://api.test' };
    assert.deepEqual(await exampleBinding(SETTING, 'secret-only.yaml'), expected);
  });
});

describe('the example credentials', () => {
  it('are the file with real values under the same keys', async () => {
    const files = parseAllDocuments(await read('credentials.yaml')).map((document) => document.toJS());
    const secrets = await exampleCredentials(SETTING);
    const keys = ({ stringData, ...rest }: { stringData: object }) => ({
      ...rest,
      keys: Object.keys(stringData),
    });
    assert.deepEqual(secrets.map(keys), files.map(keys));
    assert.deepEqual(
      secrets.map(({ stringData }) => stringData),
      [{ client_id: 'client', client_secret: 'client-secret' }, { token: 'api-token' }],
    );
  });

  it('are the ones the binding refers to, in its namespace, with the label of consent', async () => {
    const { spec, metadata } = parse(await read('tokenbinding.yaml'));
    const wanted = [
      spec.clientAuthentication.clientSecret.secretRef.name,
      spec.deliveries[0].fly.apiTokenRef.name,
    ];
    const secrets = await exampleCredentials(SETTING);
    assert.deepEqual(
      secrets.map((secret) => secret.metadata?.name),
      wanted,
    );
    for (const secret of secrets) {
      assert.equal(secret.metadata?.namespace, metadata.namespace);
      assert.deepEqual(secret.metadata?.labels, { 'tokenbinding.erauner.dev/credential': 'true' });
    }
  });

  it('hold nothing in the file that could be taken for a real one', async () => {
    const text = await read('credentials.yaml');
    for (const document of parseAllDocuments(text)) {
      for (const value of Object.values(document.toJS().stringData)) assert.match(String(value), /not-a-/);
    }
  });
});
