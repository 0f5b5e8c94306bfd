import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';
import type { Authority, KeyPair } from '../../sandbox/pki.ts';
import { answer, listening, type Seen } from './stand-in.ts';

/** An API server behind TLS that answers everything with `{}` and remembers who connected. */
export interface TlsStandIn {
  readonly url: string;
  readonly requests: readonly Seen[];
  /** Common name of each connection's client certificate, in the order of connecting. */
  readonly peers: readonly string[];
  stop(): Promise<void>;
}

export async function startTlsStandIn(authority: Authority): Promise<TlsStandIn> {
  const { certPem, keyPem } = await authority.issue({ commonName: 'api', hosts: ['127.0.0.1'] });
  const requests: Seen[] = [];
  const peers: string[] = [];
  const server = createServer(
    { cert: certPem, key: keyPem, ca: authority.certPem, requestCert: true, rejectUnauthorized: false },
    listening((seen, response) => {
      requests.push(seen);
      answer(response, {});
    }),
  );
  server.on('secureConnection', (socket: TLSSocket) => {
    peers.push(String(socket.getPeerCertificate().subject?.CN ?? 'nobody'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `https://127.0.0.1:${port}`, requests, peers, stop };
}

/** What a kubeconfig says of its user besides the name. */
export interface UserEntry {
  readonly token?: string;
  readonly username?: string;
  readonly password?: string;
  readonly authProvider?: { readonly name: string; readonly config: Readonly<Record<string, string>> };
}

export function tlsKubeConfig(server: string, caPem: string, user: UserEntry): KubeConfig {
  const kubeConfig = new KubeConfig();
  const cluster = { name: 'stand-in', server, caData: base64(caPem), skipTLSVerify: false };
  kubeConfig.loadFromClusterAndUser(cluster, { name: 'user', ...user });
  return kubeConfig;
}

/** Makes the kubeconfig's user another client certificate, as a rotation does. */
export function present(kubeConfig: KubeConfig, { certPem, keyPem }: KeyPair): void {
  Object.assign(kubeConfig.users[0] ?? {}, { certData: base64(certPem), keyData: base64(keyPem) });
}

function base64(pem: string): string {
  return Buffer.from(pem).toString('base64');
}
