import type { EpochMs } from '../clock.ts';

/** A wait that the other side asked for is followed up to this: no answer may silence us for longer. */
const LONGEST_WAIT_MS = 24 * 3_600_000;

/**
 * When the sender of `headers` wants to be asked again: `Retry-After` in seconds or as a date (RFC 9110
 * §10.2.3), else `X-RateLimit-Reset` in epoch seconds (Auth0). At most 24 hours after `now`; undefined when
 * neither header names a time after `now`.
 */
export function retryNotBefore(headers: Pick<Headers, 'get'>, now: EpochMs): EpochMs | undefined {
  const asked = retryAfter(headers.get('retry-after'), now) ?? wholeSeconds(headers.get('x-ratelimit-reset'));
  return asked === undefined || asked <= now ? undefined : Math.min(asked, now + LONGEST_WAIT_MS);
}

function retryAfter(value: string | null, now: EpochMs): EpochMs | undefined {
  const seconds = wholeSeconds(value);
  if (seconds !== undefined) return now + seconds;
  // Date.parse takes much that is not an HTTP date; all of those end in GMT.
  const date = value?.endsWith(' GMT') ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : date;
}

function wholeSeconds(value: string | null): number | undefined {
  return value !== null && /^\d{1,12}$/.test(value) ? Number(value) * 1000 : undefined;
}
