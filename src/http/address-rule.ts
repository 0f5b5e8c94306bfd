import ipaddr from 'ipaddr.js';

/** What kind of address a call must not reach; `loopback` is the one kind that can be allowed. */
export type ForbiddenAddress =
  | 'loopback'
  | 'link-local'
  | 'metadata'
  | 'multicast'
  | 'unspecified'
  | 'obsolete'
  | 'unreadable';

/**
 * Where clouds answer with credentials to whoever asks: AWS and most others, AWS over IPv6 (instances and Pods),
 * Google and Scaleway over IPv6, Alibaba, Oracle, Azure's platform. Only the first is link-local, the others look
 * like ordinary addresses.
 */
const METADATA = [
  '169.254.169.254/32',
  'fd00:ec2::/32',
  'fd20:ce::254/128',
  'fd00:42::42/128',
  '100.100.100.200/32',
  '192.0.0.192/32',
  '168.63.129.16/32',
].map((network) => ipaddr.parseCIDR(network));

/** Ranges of ipaddr.js that are never called; private ranges are not among them: issuers live there too. */
const FORBIDDEN_RANGES: Partial<Record<string, ForbiddenAddress>> = {
  loopback: 'loopback',
  linkLocal: 'link-local',
  multicast: 'multicast',
  broadcast: 'multicast',
  unspecified: 'unspecified',
  // Both may end where no address says: in a tunnel to an IPv4 host (RFC 4380), at a site of any kind (RFC 3879).
  teredo: 'obsolete',
  deprecatedSiteLocal: 'obsolete',
};

/** First byte of the IPv4 address inside an IPv6 address of the range (RFC 4291, 6145, 6052, 3056). */
const EMBEDDED_AT: Partial<Record<string, number>> = { ipv4Mapped: 12, rfc6145: 12, rfc6052: 12, '6to4': 2 };

/** The kind of forbidden address that `address` is, also when it hides in an IPv6 form; undefined if none. */
export function forbiddenAddress(address: string): ForbiddenAddress | undefined {
  if (!ipaddr.isValid(address)) return 'unreadable';
  const outer = ipaddr.parse(address);
  return verdict(outer) ?? verdict(embedded(outer) ?? outer);
}

function verdict(address: ipaddr.IPv4 | ipaddr.IPv6): ForbiddenAddress | undefined {
  if (ipaddr.subnetMatch(address, { metadata: METADATA }) === 'metadata') return 'metadata';
  return FORBIDDEN_RANGES[address.range()];
}

function embedded(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | undefined {
  if (address.kind() === 'ipv4') return undefined;
  const bytes = address.toByteArray();
  // IPv4-compatible addresses (RFC 4291 §2.5.5.1, deprecated) have no range of their own in ipaddr.js.
  const compatible = bytes.slice(0, 12).every((byte) => byte === 0);
  const start = compatible ? 12 : EMBEDDED_AT[address.range()];
  return start === undefined ? undefined : new ipaddr.IPv4(bytes.slice(start, start + 4));
}
