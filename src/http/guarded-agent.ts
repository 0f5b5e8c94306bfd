import { isIP, type LookupFunction, Socket } from 'node:net';
import { createSecureContext, getCACertificates } from 'node:tls';
import { forbiddenAddress } from './address-rule.ts';
import { refusedAddress } from './egress-refused-error.ts';
import { Agent, buildConnector } from './undici.ts';

/** Resolves a host to all its addresses, as `dns.lookup` with `all` does. */
export type Resolve = (
  hostname: string,
  callback: (error: NodeJS.ErrnoException | null, addresses: { address: string; family: number }[]) => void,
) => void;

/** What a guarded agent connects with. */
export interface GuardOptions {
  /** PEM certificates trusted in addition to Node's own. */
  readonly ca: readonly string[];
  readonly allowLoopback: boolean;
  readonly resolve: Resolve;
  /** Breaks connections also while they are being made, when the Agent does not know them yet. */
  readonly signal: AbortSignal;
}

/**
 * An Agent that judges the very addresses it is about to connect to: a name cannot resolve to one address
 * for the judge and to another for the connection (DNS rebinding).
 */
export function createGuardedAgent(options: GuardOptions): Agent {
  const check = (host: string, addresses: readonly string[]) => {
    for (const address of addresses) {
      const kind = forbiddenAddress(address);
      if (kind !== undefined && !(kind === 'loopback' && options.allowLoopback))
        throw refusedAddress(host, kind);
    }
  };
  return new Agent({
    // One stream per connection: a connection that breaks takes one call with it.
    allowH2: false,
    connect: guardConnector(
      check,
      options.signal,
      buildConnector({
        // Parsed once here; with `ca` every connection would parse the whole bundle again.
        secureContext: createSecureContext({ ca: [...getCACertificates('default'), ...options.ca] }),
        lookup: guardedLookup(check, options.resolve),
        allowH2: false,
      }),
    ),
  });
}

type Check = (host: string, addresses: readonly string[]) => void;

/** Node connects to an IP literal without a lookup, so literals are checked before. */
function guardConnector(
  check: Check,
  signal: AbortSignal,
  connect: buildConnector.connector,
): buildConnector.connector {
  return (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, '');
    try {
      // Named as in its URL, where an IPv6 address stands in brackets.
      if (isIP(host) !== 0) check(isIP(host) === 6 ? `[${host}]` : host, [host]);
    } catch (error) {
      return callback(error as Error, null);
    }
    // Its type does not tell that it returns the socket, which undici itself would wait for to fail.
    const socket: unknown = connect(options, callback);
    if (socket instanceof Socket) breakOn(signal, socket);
  };
}

/** Not the socket's own `signal` option: it leaves a listener behind for every socket there ever was. */
function breakOn(signal: AbortSignal, socket: Socket): void {
  const destroy = () => socket.destroy(new Error('The way out was closed.'));
  signal.addEventListener('abort', destroy, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', destroy));
}

function guardedLookup(check: Check, resolve: Resolve): LookupFunction {
  return (hostname, options, callback) =>
    resolve(hostname, (error, addresses) => {
      if (error !== null) return callback(error, '', 0);
      try {
        check(
          hostname,
          addresses.map(({ address }) => address),
        );
      } catch (refused) {
        return callback(refused as Error, '', 0);
      }
      if (options.all) return callback(null, addresses);
      callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
    });
}
