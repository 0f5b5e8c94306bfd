import * as oauth from 'oauth4webapi';
import type { ProviderReport } from '../binding/provider-report.ts';
import type { Clock, EpochMs } from '../clock.ts';
import { FailureError, type IssueFailureReason } from '../failure.ts';
import type { CallLimits } from '../http/egress.ts';
import { type ClientAuthentication, clientAuth } from './client-authentication.ts';
import type { Discovery } from './discovery.ts';
import { readReport } from './provider-report.ts';
import { refusalFailure } from './refusal.ts';
import { isCallable, refused, requestForm, type Source, sourceHost } from './source.ts';
import { readTokenBody } from './token-body.ts';
import { type IssuedToken, issuedToken } from './token-response.ts';
import { unreachableFailure } from './unreachable.ts';

export type { IssuedToken } from './token-response.ts';

/** The bounds of one token request: a slow Auth0 Action may take seconds, a token response is a few KiB. */
export const TOKEN_REQUEST_LIMITS: CallLimits = { deadlineMs: 10_000, maxBodyBytes: 1024 * 1024 };

/** A request for a token by client credentials (RFC 6749 §4.4). */
export interface TokenRequest {
  readonly source: Source;
  readonly client: ClientAuthentication;
  /** Lifetime of a token that states none, in milliseconds; undefined refuses such a token. */
  readonly assumedLifetimeMs?: number;
}

/** What a token request works with. */
export interface TokenRequestEffects {
  /** Bounded by `TOKEN_REQUEST_LIMITS`: it is what ends a request that gets no answer. */
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  readonly discovery: Discovery;
  /** Called once for each response of the token endpoint, also for a refusal. */
  readonly onReport?: (report: ProviderReport) => void;
  /** The provider's clock minus ours as last seen, in milliseconds: assertions are dated by its clock. */
  readonly skewMs?: number;
}

/** Whom a request goes to. */
interface Server {
  readonly issuer?: string;
  readonly tokenEndpoint: string;
}

/** What came back, and how it came. */
interface Answer {
  readonly response: Response;
  readonly sentAt: EpochMs;
  readonly report: ProviderReport;
}

/** Answers of an address that is no token endpoint, or no more: Not Found, Method Not Allowed. */
const MISPLACED = new Set([404, 405]);

/**
 * Asks for a token, once. Only when metadata turns out to name an endpoint that is gone, and then names
 * another, is that asked too.
 *
 * @throws FailureError<IssueFailureReason> whenever there is no usable token; its message names no credential
 *   and quotes nothing of what the other side wrote
 * @throws WithheldError of `fetch` as it came
 * @throws the reason of `signal` when that aborted the request
 */
export async function requestToken(
  request: TokenRequest,
  effects: TokenRequestEffects,
): Promise<IssuedToken> {
  const { clock, signal } = effects;
  try {
    const { response, sentAt, report } = await answerOf(request, effects);
    if (response.status !== 200) throw await refusal(response, request, clock);
    const host = sourceHost(request.source);
    const body = await readTokenBody(response, host);
    const { assumedLifetimeMs } = request;
    const { skewMs } = report;
    return issuedToken(body, host, {
      ...{ sentAt, receivedAt: clock.now() },
      ...(skewMs !== undefined && { skewMs }),
      ...(assumedLifetimeMs !== undefined && { assumedLifetimeMs }),
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

async function answerOf(request: TokenRequest, effects: TokenRequestEffects): Promise<Answer> {
  const { source, client } = request;
  const { clock, discovery, signal, skewMs = 0 } = effects;
  // Everything that can be known to be wrong is, before anybody is asked.
  const authenticate = clientAuth(client, () => clock.now() + skewMs);
  const send = sender(request, authenticate, effects);
  if (source.tokenEndpoint !== undefined) return send(explicitServer(source, client));
  if (source.issuer === undefined) throw refused('spec.source names neither an issuer nor a token endpoint.');
  const known = await discovery.find(source.issuer, signal);
  const answer = await send(known);
  if (!MISPLACED.has(answer.response.status)) return answer;
  const renewed = await discovery.renew(source.issuer, known, signal);
  if (renewed.tokenEndpoint === known.tokenEndpoint) return answer;
  await answer.response.body?.cancel().catch(() => undefined);
  return send(renewed);
}

function explicitServer({ tokenEndpoint = '', issuer }: Source, client: ClientAuthentication): Server {
  if (!isCallable(tokenEndpoint)) {
    throw refused(
      'The token endpoint must be an https URL without user and password; write spec.source.auth0.domain as in ' +
        'acme.eu.auth0.com, or spec.source.oauth2.tokenEndpoint as in https://id.acme.dev/token.',
    );
  }
  if (issuer !== undefined) return { issuer, tokenEndpoint };
  if (client.type === 'PrivateKeyJwt' && client.assertionAudience === 'Issuer') {
    throw refused(
      'The assertion is meant for the issuer, which is not known; write spec.source.oauth2.issuer in place of ' +
        'tokenEndpoint, or assertionAudience: TokenEndpoint in spec.clientAuthentication.privateKeyJwt.',
    );
  }
  return { tokenEndpoint };
}

/** Sends the request to a server, each time with a new proof of who the client is. */
function sender(request: TokenRequest, authenticate: oauth.ClientAuth, effects: TokenRequestEffects) {
  const { fetch, clock, signal, onReport } = effects;
  const form = requestForm(request.source);
  const host = sourceHost(request.source);
  return async ({ issuer, tokenEndpoint }: Server): Promise<Answer> => {
    const sentAt = clock.now();
    const response = await oauth.clientCredentialsGrantRequest(
      // An issuer is wanted by the type only; whoever signs for one has checked that it is known.
      { issuer: issuer ?? tokenEndpoint, token_endpoint: tokenEndpoint },
      // A client without a name sends an assertion alone, which takes none from here.
      { client_id: request.client.clientId || 'unnamed' },
      authenticate,
      form,
      {
        [oauth.customFetch]: (url, init) =>
          fetch(url, init as RequestInit).catch((error: unknown) => {
            throw new FailureError(unreachableFailure(error, host));
          }),
        ...(signal && { signal }),
      },
    );
    const report = readReport(response.headers, { sentAt, receivedAt: clock.now() });
    onReport?.(report);
    return { response, sentAt, report };
  };
}

/** oauth4webapi hides status and headers of some refusals, so they are read here from the response itself. */
async function refusal(response: Response, { source, client }: TokenRequest, clock: Clock) {
  const { status, headers } = response;
  const code = await errorCode(response);
  const audience = source.parameters.audience ?? source.parameters.resource;
  const asked = {
    ...{ host: sourceHost(source), authentication: client.type },
    ...(audience !== undefined && { audience }),
  };
  return new FailureError<IssueFailureReason>(refusalFailure({ status, code, headers }, asked, clock.now()));
}

/** The `error` of a JSON body, whatever its content type; undefined when the body has none or breaks off. */
async function errorCode(response: Response): Promise<string | undefined> {
  try {
    const body: unknown = await response.json();
    const code = typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined;
    return typeof code === 'string' ? code : undefined;
  } catch {
    return undefined;
  }
}
