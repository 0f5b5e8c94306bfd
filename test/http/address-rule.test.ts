import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { forbiddenAddress } from '../../src/http/address-rule.ts';

const VERDICTS: [address: string, verdict: ReturnType<typeof forbiddenAddress>][] = [
  ['93.184.216.34', undefined],
  ['10.1.2.3', undefined],
  ['192.168.1.1', undefined],
  ['100.64.0.1', undefined],
  ['2606:2800:220:1:248:1893:25c8:1946', undefined],
  ['fd12:3456:789a::1', undefined],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['::1', 'loopback'],
  ['169.254.169.254', 'metadata'],
  ['169.254.170.2', 'link-local'],
  ['fe80::1', 'link-local'],
  ['fe80::1%eth0', 'link-local'],
  ['fd00:ec2::254', 'metadata'],
  ['fd20:ce:0:0::254', 'metadata'],
  ['100.100.100.200', 'metadata'],
  ['fd00:ec2::23', 'metadata'],
  ['fd00:ec2::254%eth0', 'metadata'],
  ['fd00:42::42', 'metadata'],
  ['192.0.0.192', 'metadata'],
  ['168.63.129.16', 'metadata'],
  ['0.0.0.0', 'unspecified'],
  ['0.1.2.3', 'unspecified'],
  ['::', 'unspecified'],
  ['224.0.0.1', 'multicast'],
  ['255.255.255.255', 'multicast'],
  ['ff02::1', 'multicast'],
  ['::ffff:169.254.169.254', 'metadata'],
  ['::ffff:a9fe:a9fe', 'metadata'],
  ['::ffff:10.0.0.1', undefined],
  ['64:ff9b::169.254.169.254', 'metadata'],
  ['64:ff9b::7f00:1', 'loopback'],
  ['::ffff:0:127.0.0.1', 'loopback'],
  ['2002:a9fe:a9fe::1', 'metadata'],
  ['::127.0.0.1', 'loopback'],
  ['::ffff:169.254.169.254%eth0', 'metadata'],
  ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'obsolete'],
  ['2001:4860:4860::8888', undefined],
  ['fec0::1', 'obsolete'],
  ['feff:ffff::1', 'obsolete'],
  ['', 'unreadable'],
  ['metadata.google.internal', 'unreadable'],
];

for (const [address, verdict] of VERDICTS) {
  test(`${address || 'an empty address'} is ${verdict ?? 'allowed'}`, () => {
    assert.equal(forbiddenAddress(address), verdict);
  });
}

test('an IPv4 address is judged alike in every IPv6 form that carries it', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.constantFrom('::ffff:', '64:ff9b::', '::ffff:0:'), (address, prefix) => {
      assert.equal(forbiddenAddress(prefix + address), forbiddenAddress(address));
    }),
  );
});
