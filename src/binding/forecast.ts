import { parseDuration } from './duration.ts';
import { refreshTime } from './schedule.ts';
import type { TokenBinding } from './token-binding.ts';

const THIRTY_DAYS_MS = 30 * 24 * 3_600_000;

/** Bindings are replaced when they change, never edited: what was found out of one stays true. */
const renewals = new WeakMap<TokenBinding, number>();

/** Tokens that bindings ask for in 30 days together, rounded up; one without a token yet counts for none. */
export function forecastOf(bindings: readonly TokenBinding[]): number {
  return Math.ceil(bindings.reduce((sum, binding) => sum + knownRenewalsOf(binding), 0));
}

/** Every run of a binding asks for all that share its client: a thousand ask a million times. */
function knownRenewalsOf(binding: TokenBinding): number {
  const known = renewals.get(binding) ?? renewalsOf(binding);
  renewals.set(binding, known);
  return known;
}

function renewalsOf({ spec, status, metadata }: TokenBinding): number {
  const lifetime = parseDuration(status?.token?.lifetime);
  if (lifetime === 0 || spec.suspend || metadata.deletionTimestamp !== undefined) return 0;
  const { atLifetimePercent, jitterPercent, minRemaining } = spec.refresh;
  const policy = {
    ...{ atLifetimePercent, jitterPercent, slowestDelivery: 0, isQuotaLow: false },
    minRemaining: minRemaining === undefined ? undefined : parseDuration(minRemaining),
  };
  return THIRTY_DAYS_MS / refreshTime({ issuedAt: 0, expiresAt: lifetime }, policy, metadata.uid);
}
