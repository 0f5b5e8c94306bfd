import { timestamp } from './conditions.ts';
import type { Progress } from './progress.ts';
import type { Quota } from './provider-report.ts';
import type { TokenBindingStatus } from './token-binding.generated.ts';

type QuotaStatus = NonNullable<TokenBindingStatus['quota']>;

const THIRTY_DAYS_MS = 30 * 24 * 3_600_000;
/** Below this share of its limit a quota is low, whatever is forecast. */
const LOW_SHARE = 0.2;

/** The quotas as the provider stated them last, those of a period that is over left out. */
export function quotasOf({ report, facts }: Progress): readonly Quota[] {
  const stated = report?.quotas.length ? report.quotas : recordedQuotas(facts.binding.status?.quota);
  return stated.filter(({ resetsAt }) => resetsAt > facts.now);
}

/** Whether some quota is nearly used up, or will be before it resets at the rate at which tokens are asked for. */
export function isQuotaLow(progress: Progress): boolean {
  const { now, forecast } = progress.facts;
  return quotasOf(progress).some(({ limit, remaining, resetsAt }) => {
    const needed = (forecast * (resetsAt - now)) / THIRTY_DAYS_MS;
    return remaining < Math.max(limit * LOW_SHARE, needed);
  });
}

/** What status shows of quotas; the forecast as it was when the provider was last asked. */
export function quotaStatus(progress: Progress): QuotaStatus {
  const { report, refreshed, facts } = progress;
  const before = facts.binding.status?.quota;
  const isAsked = report !== undefined || refreshed || before?.forecastTokensPer30Days === undefined;
  const quotas = quotasOf(progress);
  return {
    ...(quotas.length > 0 && {
      periods: quotas.map(({ resetsAt, ...rest }) => ({ ...rest, resetsAt: timestamp(resetsAt) })),
    }),
    forecastTokensPer30Days: isAsked ? facts.forecast : before.forecastTokensPer30Days,
  };
}

function recordedQuotas(quota: QuotaStatus | undefined): Quota[] {
  return (quota?.periods ?? []).map((period) => ({ ...period, resetsAt: Date.parse(period.resetsAt) }));
}
