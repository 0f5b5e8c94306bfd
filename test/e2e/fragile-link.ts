import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to a server through which everything passes unseen, until it breaks. */
export interface FragileLink {
  /** The server's URL, with our port. */
  readonly url: string;
  /** Connections open now. */
  readonly connections: number;
  /** Resets every open connection, at both ends; new ones are let through. */
  sever(): void;
  stop(): Promise<void>;
}

/** @param url an https one, of a server whose certificate is good for 127.0.0.1 */
export async function startFragileLink(url: string): Promise<FragileLink> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((inner) => {
    const outer = connect(Number(port), hostname);
    for (const [socket, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy()).on('close', () => sockets.delete(socket) && other.destroy());
      socket.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sever = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return sockets.size / 2;
    },
    sever,
    async stop() {
      server.close();
      sever();
      await once(server, 'close');
    },
  };
}
