import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { type Authority, createAuthority, type KeyPair } from '../../sandbox/pki.ts';

/** The server's end of a TLS connection between the two, each trusting `authority` only. */
async function handshake(authority: Authority, server: KeyPair, client: KeyPair): Promise<TLSSocket> {
  const ca = authority.certPem;
  const credentials = { cert: server.certPem, key: server.keyPem };
  const listener = createServer({ ca, ...credentials, requestCert: true, rejectUnauthorized: false });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  assert.ok(typeof address === 'object' && address !== null);
  const near = connect({
    port: address.port,
    host: '127.0.0.1',
    ca,
    cert: client.certPem,
    key: client.keyPem,
  });
  try {
    const [[far]] = await Promise.all([once(listener, 'secureConnection'), once(near, 'secureConnect')]);
    return far;
  } finally {
    near.end();
    listener.close();
  }
}

test('a server and a client with certificates of one authority accept each other', async () => {
  const authority = await createAuthority('test');
  const server = await authority.issue({ commonName: 'server', hosts: ['localhost', '127.0.0.1'] });
  const client = await authority.issue({ commonName: 'me', organizations: ['a', 'b'], client: true });
  const socket = await handshake(authority, server, client);
  assert.equal(socket.authorized, true);
  const { CN, O } = socket.getPeerCertificate().subject;
  assert.deepEqual({ CN, O }, { CN: 'me', O: ['a', 'b'] });
});

test('a client certificate that is good for servers only is not accepted', async () => {
  const authority = await createAuthority('test');
  const server = await authority.issue({ commonName: 'server', hosts: ['127.0.0.1'] });
  assert.equal(
    (await handshake(authority, server, server).catch(() => undefined))?.authorized ?? false,
    false,
  );
});

test('an authority does not vouch for what another of the same name issued', async () => {
  const [one, other] = await Promise.all([createAuthority('same'), createAuthority('same')]);
  const leaf = await other.issue({ commonName: 'server', hosts: ['localhost'] });
  assert.equal(new X509Certificate(leaf.certPem).verify(new X509Certificate(one.certPem).publicKey), false);
  assert.equal(new X509Certificate(leaf.certPem).verify(new X509Certificate(other.certPem).publicKey), true);
});

test('names and addresses are told apart, and only named hosts are matched', async () => {
  const authority = await createAuthority('test');
  const { certPem } = await authority.issue({
    commonName: 'server',
    hosts: ['localhost', '127.0.0.1', '::1'],
  });
  const certificate = new X509Certificate(certPem);
  assert.equal(certificate.checkHost('localhost'), 'localhost');
  assert.equal(certificate.checkIP('127.0.0.1'), '127.0.0.1');
  assert.equal(certificate.checkHost('example.com'), undefined);
  assert.equal(certificate.ca, false);
});
