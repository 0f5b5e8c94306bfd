import { randomBytes } from 'node:crypto';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Machine id: 14 lower-case hex digits, as Fly gives them. */
export function machineId(): string {
  return randomBytes(7).toString('hex');
}

/** A ULID: 26 characters, sortable by `nowMs`. Names machine versions (`instance_id`), events and requests. */
export function ulid(nowMs: number): string {
  let time = '';
  for (let rest = nowMs; time.length < 10; rest = Math.floor(rest / 32))
    time = `${CROCKFORD[rest % 32]}${time}`;
  const random = Array.from(randomBytes(16), (byte) => CROCKFORD[byte % 32]);
  return time + random.join('');
}

/** Lease nonce: 12 hex digits. */
export function leaseNonce(): string {
  return randomBytes(6).toString('hex');
}
