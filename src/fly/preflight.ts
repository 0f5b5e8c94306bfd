import { type MachinesApi, MalformedTokenError, tokensIn } from '@fly/machines-api';
import type { Clock } from '../clock.ts';
import { type DeliveryFailureReason, type Failure, failure } from '../failure.ts';
import type { SecretValue } from '../secret-value.ts';
import { MachinesApiError } from './api-call.ts';
import { inspectToken } from './api-token.ts';
import { listSecrets } from './app-secrets.ts';
import { appNotFound, classify, newTokenAdvice, reference } from './classification.ts';
import { misfitByGrant, misfitByLook, refusedByGrant, refusedByLook } from './token-misfit.ts';

export type PreflightFailure = Failure<'Unauthorized' | 'AppNotFound'>;

/** An API token and the app that it is to open. */
export interface PreflightSite {
  readonly api: MachinesApi;
  readonly app: string;
  readonly apiToken: SecretValue;
  readonly clock: Clock;
}

/** `reads`: it can at least read the app's secrets; whether it may write them, Fly tells only who writes. */
type Verdict = PreflightFailure | 'reads' | 'unclear';

/**
 * What is wrong with the API token, told before it matters, with what to do: at most two requests, no write.
 * Undefined when nothing is, and when Fly does not tell.
 *
 * @throws the signal's own reason, and a `WithheldError` of `fetch`
 */
export async function preflight(
  site: PreflightSite,
  signal?: AbortSignal,
): Promise<PreflightFailure | undefined> {
  const verdict = await examine(site, signal);
  return typeof verdict === 'string' ? undefined : verdict;
}

/**
 * What a failed write means. One refused for its token (401, 403) is told in more detail than its status has:
 * the token is examined, and one that can read the app cannot write it.
 *
 * @throws as `preflight`
 */
export async function explain(
  error: MachinesApiError,
  site: PreflightSite,
  signal?: AbortSignal,
): Promise<Failure<DeliveryFailureReason>> {
  const verdict = error.hasStatus(401, 403) ? await examine(site, signal) : 'unclear';
  if (typeof verdict !== 'string') return verdict;
  if (verdict === 'reads' && error.hasStatus(403)) {
    const readOnly =
      'the API token may read the app but not change it (HTTP 403): it is read-only or too narrow';
    return unauthorized(site, readOnly, error);
  }
  return classify(error, { app: site.app, now: site.clock.now() });
}

async function examine(site: PreflightSite, signal?: AbortSignal): Promise<Verdict> {
  const tokens = tokensOf(site.apiToken);
  if (!tokens) return unauthorized(site, 'the API token is empty or holds characters that no token has');
  const misfit = misfitByLook(tokens);
  if (misfit !== undefined) return unauthorized(site, misfit);

  const facts = await inspectToken(site.api, signal).catch(asValue);
  if (facts instanceof MachinesApiError) return refusedToken(site, tokens, facts) ?? 'unclear';
  if (!facts) return 'unclear';
  const elsewhere = misfitByGrant(facts, site.app);
  if (elsewhere !== undefined) return unauthorized(site, elsewhere);

  const secrets = await listSecrets(site.api, site.app, signal).catch(asValue);
  if (!(secrets instanceof MachinesApiError)) return 'reads';
  if (secrets.hasStatus(403)) return unauthorized(site, refusedByGrant(facts), secrets);
  if (secrets.hasStatus(404)) return appNotFound(secrets, site);
  return refusedToken(site, tokens, secrets) ?? 'unclear';
}

function refusedToken(site: PreflightSite, tokens: readonly string[], error: MachinesApiError) {
  return error.hasStatus(401) ? unauthorized(site, refusedByLook(tokens), error) : undefined;
}

function unauthorized({ app }: PreflightSite, what: string, error?: MachinesApiError) {
  const id = error ? reference(error) : '';
  return failure('Unauthorized', `Fly app ${app}: ${what}; ${newTokenAdvice(app)}${id}.`);
}

function tokensOf(apiToken: SecretValue): readonly string[] | undefined {
  try {
    return tokensIn(apiToken.reveal());
  } catch (error) {
    if (error instanceof MalformedTokenError) return undefined;
    throw error;
  }
}

function asValue(error: unknown): MachinesApiError {
  if (error instanceof MachinesApiError) return error;
  throw error;
}
