import { parseDuration } from '../src/binding/duration.ts';
import { REFRESH_REQUESTED_AT } from '../src/binding/names.ts';
import type { CredentialUsed } from '../src/binding/progress.ts';
import type { ProviderReport } from '../src/binding/provider-report.ts';
import { isUrgent } from '../src/binding/renewal.ts';
import { attemptDeadline } from '../src/binding/schedule.ts';
import type { StepResult } from '../src/binding/step-result.ts';
import type { StoredToken } from '../src/binding/stored-token.ts';
import { FailureError, failure, type IssueFailureReason } from '../src/failure.ts';
import { sourceHost } from '../src/oauth/source.ts';
import type { IssuedToken } from '../src/oauth/token-request.ts';
import { verifyToken } from '../src/oauth/verification.ts';
import { type Client, openClient, type Proof } from './client-credential.ts';
import { byWallNow, instantOf } from './instant.ts';
import { DeferredError } from './provider/deferred-error.ts';
import type { Run } from './run.ts';
import { fingerprint, requirementOf, sourceOf } from './source.ts';
import type { Ask } from './world.ts';

/** Gets a token from the source, verifies it and keeps it in memory until the Secret has it. */
export async function acquireToken(run: Run): Promise<StepResult> {
  const { clock } = run.world;
  let report: ProviderReport = { quotas: [] };
  const onReport = (next: ProviderReport) => {
    report = next;
    if (next.skewMs !== undefined) run.world.memory.skews.set(run.key, next.skewMs);
  };
  const askedAt = instantOf(clock);
  try {
    const client = await openClient(run.world, run.binding, run.signal);
    const { issued, used } = await requestToken(run, client, onReport);
    const token = hold(run, client.clientId, byWallNow(issued, askedAt, clock));
    return { type: 'issued', token, report, credentialUsed: used, at: clock.now() };
  } catch (error) {
    if (error instanceof DeferredError) return deferred(run, error);
    if (!(error instanceof FailureError)) throw error;
    const { failure } = error as FailureError<IssueFailureReason>;
    return { type: 'issueFailed', failure, report, at: clock.now() };
  }
}

type Issued = { readonly issued: IssuedToken; readonly used: CredentialUsed };

/** Tries the proofs of the client one after the other, the one that is known to work first. */
async function requestToken(run: Run, client: Client, onReport: Ask['onReport']): Promise<Issued> {
  const { fallbacks } = run.world.memory;
  const { key } = run;
  // A process before this one found out; asking again would cost a refusal of every binding at each start.
  if (!fallbacks.has(key) && run.binding.status?.credential?.inUse === 'Next')
    fallbacks.set(key, client.version);
  const [first, second] = fallbacks.get(key) === client.version ? client.proofs.toReversed() : client.proofs;
  if (!first) throw new Error('a client has at least one proof');
  try {
    return await requestWith(run, first, onReport);
  } catch (error) {
    if (!second || !isRefused(error)) throw error;
    // Noted before it is tried: when it has to wait for its turn, the next run goes on with it.
    if (second.used === 'Next') fallbacks.set(key, client.version);
    else fallbacks.delete(key);
    return requestWith(run, second, onReport);
  }
}

async function requestWith(run: Run, proof: Proof, onReport: Ask['onReport']): Promise<Issued> {
  const { world, progress, key, signal, binding } = run;
  const { spec } = binding;
  const source = sourceOf(spec);
  const { assumedLifetime } = spec.refresh;
  const { now } = progress.facts;
  const expiresAt = progress.token?.expiresAt;
  const issued = await world.requestToken(
    {
      ...{ source, client: proof.client },
      ...(assumedLifetime !== undefined && { assumedLifetimeMs: parseDuration(assumedLifetime) }),
    },
    {
      ...{ key, expiresAt, onReport, urgent: isUrgent(progress) },
      ...{ deadlineMs: attemptDeadline(expiresAt, now), skewMs: world.memory.skews.get(key) },
    },
    signal,
  );
  verifyToken(issued, requirementOf(spec, source), sourceHost(source));
  return { issued, used: proof.used };
}

const isRefused = (error: unknown) =>
  error instanceof FailureError && error.failure.reason === 'CredentialsInvalid';

function deferred({ binding }: Run, { until, reason }: DeferredError): StepResult {
  if (reason === 'busy') return { type: 'issueDeferred', deferral: { until } };
  // Without the time of the next turn: with it, every wait of an outage would be a write of the status.
  const message =
    `${sourceHost(sourceOf(binding.spec))} has been failing for every binding that asks it, so this one did not ` +
    'ask; it is tried by one at a time, and by all when it answers again.';
  return { type: 'issueDeferred', deferral: { until, failure: failure('ProviderUnavailable', message) } };
}

function hold({ world, key, binding }: Run, clientId: string, issued: IssuedToken): StoredToken {
  const { value, audiences, scopes = [], ...rest } = issued;
  const [audience] = audiences;
  const refreshRequest = binding.metadata.annotations?.[REFRESH_REQUESTED_AT];
  const token: StoredToken = {
    ...{ ...rest, scopes, id: value.id(key), key: binding.spec.secret.key },
    fingerprint: fingerprint(binding, clientId),
    ...(audience !== undefined && { audience }),
    ...(refreshRequest !== undefined && { refreshRequest }),
  };
  world.memory.held.set(key, { uid: binding.metadata.uid, token, value, at: instantOf(world.clock) });
  return token;
}
