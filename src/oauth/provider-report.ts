import type { ProviderReport, Quota } from '../binding/provider-report.ts';
import type { EpochMs } from '../clock.ts';

/** When a request was sent and when the head of its response came, both by our clock. */
export interface Exchange {
  readonly sentAt: EpochMs;
  readonly receivedAt: EpochMs;
}

type HeaderLines = Pick<Headers, 'get'>;

/**
 * Quotas of tokens that Auth0 states, of the client and of its organization: buckets such as
 * `b=per_hour;q=10;r=7;t=3540`, separated by commas, with the quota, what remains of it and the seconds until
 * it is whole again (https://auth0.com/docs/fine-grained-m2m-token-quotas). The tighter of the two counts.
 */
const QUOTA_HEADERS = ['auth0-client-quota-limit', 'auth0-organization-quota-limit'];

const PERIODS: ReadonlyMap<string | undefined, { period: Quota['period']; lengthMs: number }> = new Map([
  ['per_hour', { period: 'Hour', lengthMs: 3_600_000 }],
  ['per_day', { period: 'Day', lengthMs: 24 * 3_600_000 }],
]);

/** Real headers have two buckets in some 60 characters. */
const LONGEST_HEADER = 1024;

/**
 * What the headers of a token endpoint's response tell of its clock and of quotas. What is missing, unknown
 * or unreadable is left out: never throws. `x-ratelimit-*` counts requests over seconds and is no quota.
 */
export function readReport(headers: HeaderLines, exchange: Exchange): ProviderReport {
  const skewMs = readSkew(headers, exchange);
  const quotas = QUOTA_HEADERS.flatMap((name) => readQuotas(headers.get(name), exchange.receivedAt));
  return { ...(skewMs !== undefined && { skewMs }), quotas: tightest(quotas) };
}

/** Compared with the middle of the exchange: off by half a round trip at most, and by the second of `Date`. */
function readSkew(headers: HeaderLines, { sentAt, receivedAt }: Exchange): number | undefined {
  const value = headers.get('date');
  // The one form that servers may write (RFC 9110 §5.6.7); Date.parse takes much else.
  if (value === null || !/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(value))
    return undefined;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : date - (sentAt + receivedAt) / 2;
}

function readQuotas(header: string | null, now: EpochMs): Quota[] {
  if (header === null || header.length > LONGEST_HEADER) return [];
  return header.split(',').flatMap((bucket) => readBucket(bucket, now) ?? []);
}

function readBucket(bucket: string, now: EpochMs): Quota | undefined {
  const fields = new Map(bucket.split(';').map(readField));
  const known = PERIODS.get(fields.get('b'));
  const [limit, remaining, seconds] = ['q', 'r', 't'].map((key) => wholeNumber(fields.get(key)));
  if (!known || limit === undefined || remaining === undefined || seconds === undefined) return undefined;
  // Counting lags behind, so that more may be spent than there was.
  const left = Math.max(0, remaining);
  if (limit < left || seconds < 0 || seconds * 1000 > known.lengthMs) return undefined;
  return { period: known.period, limit, remaining: left, resetsAt: now + seconds * 1000 };
}

function readField(field: string): [key: string, value: string] {
  const [key = '', value = ''] = field.split('=');
  return [key.trim(), value.trim()];
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** One quota per period: the one with less left, of equals the one that stays longer. */
function tightest(quotas: readonly Quota[]): Quota[] {
  const byPeriod = new Map<Quota['period'], Quota>();
  for (const quota of quotas) {
    const other = byPeriod.get(quota.period);
    if (other === undefined || isTighter(quota, other)) byPeriod.set(quota.period, quota);
  }
  return [...byPeriod.values()];
}

function isTighter(quota: Quota, other: Quota): boolean {
  if (quota.remaining !== other.remaining) return quota.remaining < other.remaining;
  return quota.resetsAt > other.resetsAt;
}
