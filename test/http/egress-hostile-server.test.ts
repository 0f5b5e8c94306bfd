import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach, before, describe, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { createGzip, gzipSync } from 'node:zlib';
import { type Authority, createAuthority } from '../../sandbox/pki.ts';
import { BodyTooLargeError, createEgress, type Egress } from '../../src/http/egress.ts';

const MAX_BODY_BYTES = 64 * 1024;
const MEGABYTE = 1024 * 1024;

let authority: Authority;
let identity: { cert: string; key: string };
const cleanups: (() => unknown)[] = [];

before(async () => {
  authority = await createAuthority('private CA');
  const { certPem, keyPem } = await authority.issue({ commonName: 'hostile', hosts: ['localhost'] });
  identity = { cert: certPem, key: keyPem };
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Hostile {
  readonly url: string;
  /** The connections it got, TLS or not. */
  readonly sockets: readonly Socket[];
}

/** A server that says, byte for byte, what `speak` writes once it was sent something. */
async function hostile(
  speak: (socket: Socket) => void,
  options: { tls: boolean } = { tls: true },
): Promise<Hostile> {
  const sockets: Socket[] = [];
  const welcome = (socket: Socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.once('data', () => speak(socket));
  };
  const server = options.tls ? createTlsServer(identity, welcome) : createTcpServer(welcome);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    return once(server, 'close');
  });
  return { url: `https://localhost:${(server.address() as AddressInfo).port}/`, sockets };
}

function caller(deadlineMs: number): { egress: Egress; read(url: string): Promise<string> } {
  const egress = createEgress({ ca: [authority.certPem], allowHosts: [], allowLoopback: true });
  cleanups.push(() => egress.close());
  const fetch = egress.fetch({ deadlineMs, maxBodyBytes: MAX_BODY_BYTES });
  return { egress, read: async (url) => (await fetch(url)).text() };
}

/** Writes again and again, as fast as the other side reads, or one piece in each period. */
function pour(socket: Socket, piece: () => string | Buffer, periodMs = 0): void {
  const more = () => {
    if (socket.destroyed) return;
    if (periodMs > 0) socket.write(piece());
    else while (!socket.destroyed && socket.write(piece())) {}
  };
  if (periodMs > 0) {
    const timer = setInterval(more, periodMs);
    socket.once('close', () => clearInterval(timer));
  } else {
    socket.on('drain', more);
    more();
  }
}

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;
const chunk = (data: string) => `${data.length.toString(16)}\r\n${data}\r\n`;

/** The call fails like that, and its connection ends: nobody goes on listening. */
async function isCutOff({ url, sockets }: Hostile, deadlineMs: number, error: object): Promise<void> {
  await assert.rejects(caller(deadlineMs).read(url), error);
  await Promise.all(sockets.map(closed));
}

/** Also when it was reset, which `once` would take for a failure. */
const closed = (socket: Socket) =>
  socket.destroyed || new Promise<void>((resolve) => socket.once('close', () => resolve()));

describe('the deadline ends a call', () => {
  const SLOW: Record<string, (socket: Socket) => void> = {
    'that gets a status line and no more': (socket) => socket.write(OK),
    'whose status line has no end': (socket) => {
      socket.write('HTTP/1.1 200 ');
      pour(socket, () => 'O'.repeat(4_096));
    },
    'whose headers drip': (socket) => {
      socket.write(`${OK}x: `);
      pour(socket, () => 'y', 20);
    },
    'whose headers are always one more': (socket) => {
      socket.write(OK);
      pour(socket, () => 'x: y\r\n', 20);
    },
    'that is told to wait again and again': (socket) =>
      pour(socket, () => 'HTTP/1.1 102 Processing\r\n\r\n', 20),
    'that gets hints without end': (socket) =>
      pour(socket, () => 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'),
    'whose body drips': (socket) => {
      socket.write(CHUNKED);
      pour(socket, () => chunk('a'), 20);
    },
    'whose body is one chunk extension': (socket) => {
      socket.write(`${CHUNKED}1;`);
      pour(socket, () => 'y'.repeat(4_096));
    },
    'whose body stops short of its length': (socket) => socket.write(`${OK}content-length: 9\r\n\r\nabc`),
    'whose body is gzip that yields nothing': (socket) => {
      socket.write(`${OK}content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n`);
      const empty = gzipSync('');
      const size = `${empty.length.toString(16)}\r\n`;
      pour(socket, () => Buffer.concat([Buffer.from(size), empty, Buffer.from('\r\n')]), 20);
    },
  };
  for (const [what, speak] of Object.entries(SLOW)) {
    test(what, async () => {
      const startedAt = performance.now();
      await isCutOff(await hostile(speak), 300, { name: 'TimeoutError' });
      assert.ok(performance.now() - startedAt < 3_000);
    });
  }

  test('whose name server does not answer', async () => {
    const egress = createEgress({ ca: [], allowHosts: [], allowLoopback: false, resolve: () => {} });
    cleanups.push(() => egress.close());
    const fetch = egress.fetch({ deadlineMs: 300, maxBodyBytes: MAX_BODY_BYTES });
    await assert.rejects(fetch('https://acme.dev/'), { name: 'TimeoutError' });
  });

  test('to a server that takes the connection and no handshake', async () => {
    const server = await hostile(() => {}, { tls: false });
    const { read, egress } = caller(300);
    await assert.rejects(read(server.url), { name: 'TimeoutError' });
    await egress.close();
    const closedAt = performance.now();
    await Promise.all(server.sockets.map(closed));
    assert.ok(performance.now() - closedAt < 1_000);
  });
});

describe('a body is cut off at the cap', () => {
  const gzipped = `${OK}content-encoding: gzip\r\nconnection: close\r\n\r\n`;
  const HUGE: Record<string, (socket: Socket) => void> = {
    'when it is 10 MB and says so': (socket) => {
      socket.end(`${OK}content-length: ${10 * MEGABYTE}\r\n\r\n${'a'.repeat(10 * MEGABYTE)}`);
    },
    'when it has no end': (socket) => {
      socket.write(CHUNKED);
      pour(socket, () => chunk('a'.repeat(4_096)));
    },
    'when it ends with the connection, which does not end': (socket) => {
      socket.write(`${OK}\r\n`);
      pour(socket, () => 'a'.repeat(4_096));
    },
    'when it comes in single bytes': (socket) => {
      socket.write(CHUNKED);
      pour(socket, () => chunk('a').repeat(1_000));
    },
    'when it is a gzip bomb': (socket) => {
      socket.end(Buffer.concat([Buffer.from(gzipped), gzipSync(Buffer.alloc(64 * MEGABYTE))]));
    },
    'when it is a gzip bomb without end': (socket) => {
      socket.write(gzipped);
      const gzip = createGzip();
      gzip.on('data', (data) => socket.write(data) || gzip.pause());
      socket.on('drain', () => gzip.resume());
      socket.once('close', () => gzip.destroy());
      const zeros = Buffer.alloc(MEGABYTE);
      const feed = () => {
        if (!gzip.destroyed) gzip.write(zeros, () => feed());
      };
      feed();
    },
    'when it is a gzip bomb in a gzip bomb': (socket) => {
      const bomb = gzipSync(gzipSync(Buffer.alloc(64 * MEGABYTE)));
      socket.end(Buffer.concat([Buffer.from(gzipped.replace('gzip', 'gzip, gzip')), bomb]));
    },
  };
  for (const [what, speak] of Object.entries(HUGE)) {
    test(what, async () => {
      const server = await hostile(speak);
      const before = process.memoryUsage().rss;
      await isCutOff(server, 10_000, BodyTooLargeError);
      const grown = (process.memoryUsage().rss - before) / MEGABYTE;
      assert.ok(grown < 200, `${grown} MB`);
    });
  }
});

describe('an answer is refused', () => {
  const FLOODS: Record<string, (socket: Socket) => void> = {
    'for a header line without end': (socket) => {
      socket.write(`${OK}x: `);
      pour(socket, () => 'y'.repeat(4_096));
    },
    'for headers without end': (socket) => {
      socket.write(OK);
      pour(socket, () => 'x: y\r\n'.repeat(500));
    },
    'for more layers of compression than anybody needs': (socket) => {
      socket.end(
        `${OK}content-encoding: ${Array(100).fill('gzip').join(', ')}\r\nconnection: close\r\n\r\nx`,
      );
    },
    'for trailers without end': (socket) => {
      socket.write(`${CHUNKED}0\r\n`);
      pour(socket, () => 'x: y\r\n'.repeat(500));
    },
    'that is no HTTP': (socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n'),
    'that speaks another protocol from then on': (socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n');
    },
    'that gives two lengths': (socket) => socket.end(`${OK}content-length: 1\r\ncontent-length: 2\r\n\r\nab`),
  };
  for (const [what, speak] of Object.entries(FLOODS)) {
    test(what, async () => isCutOff(await hostile(speak), 5_000, { name: 'TypeError' }));
  }
});

test('an answer that nobody asked for is not taken for that of the next call', async () => {
  let connections = 0;
  const server = await hostile((socket) => {
    connections += 1;
    const body = `${connections}`.repeat(2);
    const answer = `${OK}content-length: 2\r\n\r\n${body}`;
    socket.write(`${answer}${OK}content-length: 6\r\n\r\nforged`);
  });
  const { read } = caller(2_000);
  assert.equal(await read(server.url), '11');
  await Promise.all(server.sockets.map(closed));
  assert.equal(await read(server.url), '22');
});
