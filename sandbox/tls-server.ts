import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Authority } from './pki.ts';

/** An HTTPS server on a free port of the loopback interface, known as `localhost` and `127.0.0.1`. */
export interface TlsServer {
  readonly port: number;
  /** Answers requests from now on; whoever needs the port first (an issuer in its own URL) calls it late. */
  serve(listener: RequestListener): void;
  /** Closes the port and every connection, also those in the middle of a request. */
  stop(): Promise<void>;
}

export async function listenTls(authority: Authority, commonName: string): Promise<TlsServer> {
  const { certPem, keyPem } = await authority.issue({ commonName, hosts: ['localhost', '127.0.0.1'] });
  const server = createServer({ cert: certPem, key: keyPem });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    serve: (listener) => {
      server.on('request', listener);
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
