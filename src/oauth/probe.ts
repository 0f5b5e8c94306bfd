import { formatDuration } from '../binding/duration.ts';
import { type Failure, failure, WithheldError } from '../failure.ts';
import { EgressRefusedError } from '../http/egress.ts';
import type { SecretValue } from '../secret-value.ts';

/** A call of the consumer's API that tells whether it takes a new token (spec.verify.probe). */
export interface Probe {
  readonly url: string;
  /** Statuses by which the API takes the token. */
  readonly expectStatus: readonly number[];
  /** Statuses by which it refuses the token; they win where both lists name one. */
  readonly rejectStatus: readonly number[];
  /** From the start of the call to the head of its response. */
  readonly timeoutMs: number;
}

/** What a probe works with. */
export interface ProbeEffects {
  /** The guarded way out (`Egress.fetch`). */
  readonly fetch: typeof globalThis.fetch;
  readonly signal?: AbortSignal;
}

/** Only `rejected` keeps a token from its consumers: an API that is down says nothing about the token. */
export type ProbeVerdict =
  | { readonly result: 'accepted' }
  | { readonly result: 'inconclusive'; readonly message: string }
  | { readonly result: 'rejected'; readonly failure: Failure<'ProbeRejected'> };

/**
 * Calls the API once with the token (GET, RFC 6750 §2.1). The status alone decides: no redirect is followed, no
 * body is read.
 *
 * @throws the reason of `signal` when that aborted the call, and `WithheldError` of `fetch`: neither says
 *   anything about the token
 */
export async function probeToken(
  probe: Probe,
  token: SecretValue,
  effects: ProbeEffects,
): Promise<ProbeVerdict> {
  if (!URL.canParse(probe.url)) return inconclusive('spec.verify.probe.url is not a URL; correct it.');
  const { host } = new URL(probe.url);
  try {
    return verdict(await status(probe, token, effects), probe, host);
  } catch (error) {
    effects.signal?.throwIfAborted();
    if (error instanceof WithheldError) throw error;
    return inconclusive(explain(error, host, probe.timeoutMs));
  }
}

async function status(probe: Probe, token: SecretValue, { fetch, signal }: ProbeEffects): Promise<number> {
  const timeout = AbortSignal.timeout(probe.timeoutMs);
  const response = await fetch(probe.url, {
    headers: { authorization: `Bearer ${token.reveal()}` },
    redirect: 'manual',
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  });
  // The connection ends with it; that it may have ended already is no matter.
  await response.body?.cancel().catch(() => undefined);
  return response.status;
}

function verdict(status: number, { expectStatus, rejectStatus }: Probe, host: string): ProbeVerdict {
  if (rejectStatus.includes(status)) {
    const message =
      `${host} answered HTTP ${status} to a probe with the new token, which was not handed on; compare audience ` +
      'and scopes of spec.source with what this API expects, or correct spec.verify.probe.';
    return { result: 'rejected', failure: failure('ProbeRejected', message) };
  }
  if (expectStatus.includes(status)) return { result: 'accepted' };
  return inconclusive(
    `${host} answered HTTP ${status} to a probe with the new token, which spec.verify.probe neither expects ` +
      'nor takes for a rejection; add it to expectStatus or rejectStatus, or look after the API.',
  );
}

function inconclusive(message: string): ProbeVerdict {
  return { result: 'inconclusive', message };
}

function explain(error: unknown, host: string, timeoutMs: number): string {
  if (error instanceof EgressRefusedError) return error.message;
  const timedOut = error instanceof Error && error.name === 'TimeoutError';
  const what = timedOut ? `it did not answer within ${formatDuration(timeoutMs)}` : 'the connection failed';
  return `${host} could not be probed with the new token: ${what}; look after the API, or correct spec.verify.probe.`;
}
