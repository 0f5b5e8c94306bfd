import { type MachinesApi, MalformedTokenError, tokensIn } from '@fly/machines-api';
import type { Clock } from '../clock.ts';
import { type DeliveryFailureReason, type Failure, failure } from '../failure.ts';
import type { SecretValue } from '../secret-value.ts';
import { MachinesApiError } from './api-call.ts';
import { inspectToken } from './api-token.ts';
import { listSecrets } from './app-secrets.ts';
import { appNotFound, classify, type KeptToken, newTokenAdvice, reference } from './classification.ts';
import { misfitByGrant, misfitByLook, refusedByGrant, refusedByLook } from './token-misfit.ts';

export type PreflightFailure = Failure<'Unauthorized' | 'AppNotFound'>;

/** An API token and the app that it is to open. */
export interface PreflightSite {
  readonly api: MachinesApi;
  readonly app: string;
  readonly apiToken: SecretValue;
  /** Where it is kept, for messages. */
  readonly kept?: KeptToken | undefined;
  readonly clock: Clock;
}

/** `reads`: it can at least read the app's secrets; whether it may write them, Fly tells only who writes. */
type Verdict = PreflightFailure | 'reads' | 'unclear';

/**
 * What is wrong with the API token, told before it matters, with what to do: one request when all is well, at most
 * two, no write. Undefined when nothing is, and when Fly does not tell.
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
  return classify(error, { app: site.app, kept: site.kept, now: site.clock.now() });
}

async function examine(site: PreflightSite, signal?: AbortSignal): Promise<Verdict> {
  const tokens = tokensOf(site.apiToken);
  if (!tokens) return unauthorized(site, 'the API token is empty or holds characters that no token has');
  const misfit = misfitByLook(tokens);
  if (misfit !== undefined) return unauthorized(site, misfit);

  const secrets = await listSecrets(site.api, site.app, signal).catch(asValue);
  if (!(secrets instanceof MachinesApiError)) return 'reads';
  if (secrets.hasStatus(401)) return unauthorized(site, refusedByLook(tokens), secrets);
  if (secrets.hasStatus(404)) return appNotFound(secrets, site);
  return secrets.hasStatus(403) ? barred(site, secrets, signal) : 'unclear';
}

/** Why the token opens another door: what it says of itself explains a refusal, and is never one. */
async function barred(site: PreflightSite, error: MachinesApiError, signal?: AbortSignal): Promise<Verdict> {
  const facts = await inspectToken(site.api, signal).catch(asUndefined);
  const elsewhere = facts && misfitByGrant(facts, site.app);
  if (elsewhere !== undefined) return unauthorized(site, elsewhere, error);
  return facts ? unauthorized(site, refusedByGrant(facts), error) : 'unclear';
}

function unauthorized({ app, kept }: PreflightSite, what: string, error?: MachinesApiError) {
  const id = error ? reference(error) : '';
  return failure('Unauthorized', `Fly app ${app}: ${what}; ${newTokenAdvice(app, kept)}${id}.`);
}

function tokensOf(apiToken: SecretValue): readonly string[] | undefined {
  try {
    return tokensIn(apiToken.reveal());
  } catch (error) {
    if (error instanceof MalformedTokenError) return undefined;
    throw error;
  }
}

function asUndefined(error: unknown): undefined {
  asValue(error);
}

function asValue(error: unknown): MachinesApiError {
  if (error instanceof MachinesApiError) return error;
  throw error;
}
