import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { decodeJwt } from 'jose';
import { AUDIENCE, answerOf, type LoneIssuer, refusalOf, startLoneIssuer } from './fixtures/lone-issuer.ts';

const SCOPED = 'https://scoped.test';

let lone: LoneIssuer;
before(async () => {
  lone = await startLoneIssuer();
  lone.issuer.addAudience(SCOPED, ['read:orders', 'write:orders']);
  lone.issuer.addOrganization({ id: 'org_1', name: 'acme' });
});
after(() => lone?.stop());

const issue = async (fields: Record<string, string>) => {
  const answer = await answerOf(await lone.ask(fields));
  return { scope: answer.scope, claims: decodeJwt(answer.access_token) };
};

describe('discovery', () => {
  it('works in the forms of OpenID Connect and of RFC 8414, and is counted', async () => {
    const before = lone.issuer.requests.discovery;
    const documents = await Promise.all(
      ['openid-configuration', 'oauth-authorization-server'].map(async (form) => {
        const response = await lone.fetch(`${lone.issuer.url}.well-known/${form}`);
        return (await response.json()) as Record<string, unknown>;
      }),
    );
    for (const document of documents) {
      assert.equal(document.issuer, lone.issuer.url);
      assert.equal(document.token_endpoint, `${lone.issuer.url}oauth/token`);
      assert.deepEqual(document.token_endpoint_auth_methods_supported, [
        'client_secret_post',
        'client_secret_basic',
        'private_key_jwt',
      ]);
    }
    assert.equal(lone.issuer.requests.discovery, before + 2);
  });
});

describe('the resource parameter', () => {
  const { id: client_id, secret: client_secret } = { id: 'm2m', secret: 'right' };

  it('names the audience of the token', async () => {
    const answer = await answerOf(await lone.post({ client_id, client_secret, resource: AUDIENCE }));
    assert.equal(decodeJwt(answer.access_token).aud, AUDIENCE);
  });

  it('is refused like an audience when there is no such API', async () => {
    const response = await lone.post({ client_id, client_secret, resource: 'https://nowhere.test' });
    assert.deepEqual(await refusalOf(response), [403, 'access_denied']);
  });
});

describe('scopes', () => {
  it('are granted as asked for, and told in the answer, the token and the record', async () => {
    const { scope, claims } = await issue({ audience: SCOPED, scope: 'read:orders' });
    assert.deepEqual([scope, claims.scope], ['read:orders', 'read:orders']);
    assert.equal(lone.issuer.issued.at(-1)?.scope, 'read:orders');
  });

  it('are all granted to who asks for none', async () => {
    const { scope, claims } = await issue({ audience: SCOPED });
    assert.deepEqual([scope, claims.scope], ['read:orders write:orders', 'read:orders write:orders']);
  });

  it('that the API does not have are left out without a word', async () => {
    const some = await issue({ audience: SCOPED, scope: 'read:orders delete:orders' });
    assert.deepEqual([some.scope, some.claims.scope], ['read:orders', 'read:orders']);
    const none = await issue({ audience: AUDIENCE, scope: 'delete:orders' });
    assert.deepEqual([none.scope, none.claims.scope], [undefined, undefined]);
  });
});

describe('an organization', () => {
  it('may be named by id or by name, and is told in the token by its id', async () => {
    for (const organization of ['org_1', 'acme'])
      assert.equal((await issue({ organization })).claims.org_id, 'org_1');
    assert.equal((await issue({})).claims.org_id, undefined);
  });

  it('that is unknown is refused', async () => {
    assert.deepEqual(await refusalOf(await lone.ask({ organization: 'other' })), [400, 'invalid_request']);
  });
});

it('an audience that is no absolute URI is not taken on', async () => {
  assert.throws(() => lone.issuer.addAudience('orders'), /absolute URI/);
});
