import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { FailureError } from '../../src/failure.ts';
import type { Call, KubernetesClient } from '../../src/kubernetes/client.ts';
import {
  type ServiceAccountTokenRequest,
  ServiceAccountTokens,
} from '../../src/kubernetes/service-account-tokens.ts';
import { LeakSearch } from '../support/leak-search.ts';

export type Caller = Pick<KubernetesClient, 'call'>;

/** A client that remembers its calls and the tokens that were made. */
export interface TokenObserver extends Caller {
  readonly calls: readonly Call[];
  readonly tokens: readonly string[];
}

/** @param before runs before each call; what it returns is the answer, in the API server's place */
export function observe(client: Caller, before: (call: Call) => unknown = () => undefined): TokenObserver {
  const calls: Call[] = [];
  const tokens: string[] = [];
  const call = async <T>(asked: Call): Promise<T> => {
    calls.push(asked);
    const instead = await before(asked);
    const answer = (instead ?? (await client.call(asked))) as { status?: { token?: string } };
    if (answer.status?.token !== undefined) tokens.push(answer.status.token);
    return answer as T;
  };
  return { call, calls, tokens };
}

/** Whether a call tries a token against the API server. */
export const isTrial = ({ bearer }: Call) => bearer !== undefined;
export const isTokenRequest = ({ at }: Call) => at.subresource === 'token';

/** Requests tokens one after the other, as one process does. */
export function tokensOf(client: Caller) {
  const tokens = new ServiceAccountTokens({ client });
  return (request: ServiceAccountTokenRequest) => tokens.request(request, new AbortController().signal);
}

/** What the request failed with, which shows no token that was made on the way. */
export async function failureOf(request: ServiceAccountTokenRequest, observer: TokenObserver) {
  const error = await tokensOf(observer)(request).then(
    () => assert.fail('a token was given out'),
    (thrown: unknown) => thrown,
  );
  const leaks = new LeakSearch();
  for (const token of observer.tokens) leaks.addJwt('token', token);
  assert.deepEqual(leaks.in(inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error)), []);
  assert.ok(error instanceof FailureError, inspect(error));
  return error.failure;
}
