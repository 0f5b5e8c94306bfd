import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** How far, in milliseconds, a signed timestamp may lie from the API's own clock, either way. */
const WINDOW_MS = 300_000;

/**
 * Whether `X-TB-Tenant-ID` and `X-TB-Timestamp` (epoch ms) are signed by `X-TB-Signature`, the hex
 * HMAC-SHA256 of `<id>:<timestamp>`, and fresh.
 */
export function tenantHeadersAreValid(headers: IncomingHttpHeaders, secret: string, now: number): boolean {
  const id = headers['x-tb-tenant-id'];
  const timestamp = headers['x-tb-timestamp'];
  const signature = headers['x-tb-signature'];
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signature !== 'string') return false;
  if (id === '' || !/^\d{1,15}$/.test(timestamp)) return false;
  if (Math.abs(now - Number(timestamp)) > WINDOW_MS) return false;
  const expected = createHmac('sha256', secret).update(`${id}:${timestamp}`).digest();
  const given = Buffer.from(signature, 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
