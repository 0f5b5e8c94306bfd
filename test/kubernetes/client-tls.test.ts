import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, before, beforeEach, test } from 'node:test';
import type { KubeConfig } from '@kubernetes/client-node';
import { type Authority, createAuthority } from '../../sandbox/pki.ts';
import type { Call, KubernetesClient } from '../../src/kubernetes/client.ts';
import { connect } from '../../src/kubernetes/client.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { present, startTlsStandIn, type TlsStandIn, tlsKubeConfig } from './tls-stand-in.ts';

const CALL: Call = { verb: 'list', at: { resource: { apiVersion: 'v1', plural: 'secrets' } } };

let authority: Authority;
let server: TlsStandIn;

before(async () => {
  authority = await createAuthority('test');
});
beforeEach(async () => {
  server = await startTlsStandIn(authority);
});
afterEach(() => server.stop());

async function withClient(kubeConfig: KubeConfig, use: (client: KubernetesClient) => Promise<unknown>) {
  const client = connect(kubeConfig, { deadlineMs: 5_000, userAgent: 'test/1' });
  try {
    await use(client);
  } finally {
    await client.close();
  }
}

test('many calls, also at once, share a few connections', async () => {
  await withClient(tlsKubeConfig(server.url, authority.certPem, { token: 't' }), async (client) => {
    for (let i = 0; i < 20; i += 1) await client.call(CALL);
    assert.ok(server.peers.length <= 2, `${server.peers.length} connections`);
    await Promise.all(Array.from({ length: 200 }, () => client.call(CALL)));
    assert.ok(server.peers.length <= 16, `${server.peers.length} connections`);
    assert.equal(server.requests.length, 220);
  });
});

test('a bearer token and a user agent are sent', async () => {
  await withClient(tlsKubeConfig(server.url, authority.certPem, { token: 'secret' }), (client) =>
    client.call(CALL),
  );
  assert.equal(server.requests[0]?.headers.authorization, 'Bearer secret');
  assert.equal(server.requests[0]?.headers['user-agent'], 'test/1');
});

test('a user name and password are sent', async () => {
  const kubeConfig = tlsKubeConfig(server.url, authority.certPem, { username: 'ann', password: 'pw' });
  await withClient(kubeConfig, (client) => client.call(CALL));
  assert.equal(
    server.requests[0]?.headers.authorization,
    `Basic ${Buffer.from('ann:pw').toString('base64')}`,
  );
});

test('a token file is read as in a Pod, also with a line feed at its end', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'token-'));
  const tokenFile = join(directory, 'token');
  await writeFile(tokenFile, 'from-file\n');
  const authProvider = { name: 'tokenFile', config: { tokenFile } };
  try {
    const kubeConfig = tlsKubeConfig(server.url, authority.certPem, { authProvider });
    await withClient(kubeConfig, (client) => client.call(CALL));
    assert.equal(server.requests[0]?.headers.authorization, 'Bearer from-file');
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a rotated client certificate is presented on new connections, without a restart', async () => {
  const kubeConfig = tlsKubeConfig(server.url, authority.certPem, {});
  await withClient(kubeConfig, async (client) => {
    for (const commonName of ['first', 'second']) {
      present(kubeConfig, await authority.issue({ commonName, client: true }));
      await client.call(CALL);
      await client.call(CALL);
    }
  });
  assert.deepEqual([...new Set(server.peers)], ['first', 'second']);
});

test('a call with a bearer shows no certificate and no token of the kubeconfig; the next call does', async () => {
  const kubeConfig = tlsKubeConfig(server.url, authority.certPem, { token: 'own' });
  present(kubeConfig, await authority.issue({ commonName: 'controller', client: true }));
  await withClient(kubeConfig, async (client) => {
    await client.call(CALL);
    await client.call({ ...CALL, bearer: new SecretValue('other') });
    await client.call(CALL);
  });
  assert.deepEqual(server.peers, ['controller', 'nobody']);
  assert.deepEqual(
    server.requests.map(({ headers }) => headers.authorization),
    ['Bearer own', 'Bearer other', 'Bearer own'],
  );
});

test('a server of another authority is not talked to', async () => {
  const other = await createAuthority('other');
  await withClient(tlsKubeConfig(server.url, other.certPem, { token: 'secret' }), async (client) => {
    const reason =
      /^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|CERT_SIGNATURE_FAILURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)$/;
    await assert.rejects(client.call(CALL), (error: { status: number; reason: string }) => {
      assert.equal(error.status, 0);
      assert.match(error.reason, reason);
      return true;
    });
  });
  assert.deepEqual(server.requests, []);
});
