import { MalformedTokenError, requestId } from '@fly/machines-api';
import type { EpochMs } from '../clock.ts';
import { WithheldError } from '../failure.ts';
import { EgressRefusedError } from '../http/egress.ts';
import { retryNotBefore } from '../http/retry-after.ts';
import { HeldBackError } from './fly-pacer.ts';

/** What went wrong with a call: a status, or why there is none. */
export type CallProblem =
  | {
      readonly kind: 'status';
      readonly status: number;
      /** When Fly wants to be asked again, if it said so. */
      readonly retryNotBefore: (now: EpochMs) => EpochMs | undefined;
    }
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'unreadable' }
  | { readonly kind: 'malformedToken' }
  | { readonly kind: 'refusedHere'; readonly why: string }
  /** Not sent: Fly's rate limit would not have let it pass for so long. */
  | { readonly kind: 'heldBack'; readonly waitMs: number };

/**
 * A call of the Machines API that did not work. Carries nothing of the answer but its status and Fly's request
 * id: bodies echo names, values, nonces and environments.
 */
export class MachinesApiError extends Error {
  override readonly name = 'MachinesApiError';
  /** What was tried, as a phrase: "set a secret". */
  readonly action: string;
  readonly problem: CallProblem;
  readonly requestId: string | undefined;

  constructor(action: string, problem: CallProblem, id?: string) {
    super(`could not ${action}: ${problem.kind === 'status' ? `HTTP ${problem.status}` : problem.kind}`);
    this.action = action;
    this.problem = problem;
    this.requestId = id;
  }

  /** Whether the answer had one of these statuses. */
  hasStatus(...statuses: readonly number[]): boolean {
    return this.problem.kind === 'status' && statuses.includes(this.problem.status);
  }
}

interface Reply<Body> {
  readonly data?: Body;
  readonly response: Response;
}

/** The body of a successful answer, as unknown JSON, and Fly's id of the request. */
export interface Answer<Body> {
  readonly body: Body | undefined;
  readonly requestId: string | undefined;
}

/**
 * Waits for a call of the client and takes its answer apart.
 *
 * @throws {MachinesApiError} for every status but 2xx, and when there is no readable answer
 * @throws the signal's own reason when the caller gave up, and `WithheldError` from `fetch`: they say nothing
 *   about Fly
 */
export async function answerTo<Body>(
  action: string,
  call: Promise<Reply<Body>>,
  signal?: AbortSignal,
): Promise<Answer<Body>> {
  const { data, response } = await call.catch((cause: unknown) => {
    signal?.throwIfAborted();
    if (cause instanceof WithheldError) throw cause;
    throw new MachinesApiError(action, problemOf(cause));
  });
  const id = requestId(response);
  if (response.ok) return { body: data, requestId: id };
  const { status, headers } = response;
  const asked = (now: EpochMs) => retryNotBefore(headers, now);
  throw new MachinesApiError(action, { kind: 'status', status, retryNotBefore: asked }, id);
}

function problemOf(cause: unknown): CallProblem {
  if (cause instanceof MalformedTokenError) return { kind: 'malformedToken' };
  if (cause instanceof SyntaxError) return { kind: 'unreadable' };
  if (cause instanceof HeldBackError) return { kind: 'heldBack', waitMs: cause.waitMs };
  if (cause instanceof EgressRefusedError) return { kind: 'refusedHere', why: cause.message };
  return { kind: 'unreachable' };
}
