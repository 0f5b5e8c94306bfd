import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createRemoteJWKSet, customFetch, decodeJwt, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Authority } from '../pki.ts';
import { listenTls } from '../tls-server.ts';
import { createTrustingFetch } from '../trusting-fetch.ts';
import { CallLedger, NO_TOKEN_ID, type TokenCalls } from './call-ledger.ts';
import { type Refusal, refusalOf } from './refusal.ts';
import { tenantHeadersAreValid } from './tenant-header.ts';

export interface ApiOptions {
  readonly authority: Authority;
  /** The exact `iss`, trailing slash included. */
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
  /** CA behind `jwksUrl`. */
  readonly caPem: string;
  /** Key of the signed tenant headers. */
  readonly tenantHeaderSecret: string;
}

/**
 * The API that the tokens are for. `GET /v1/me` checks the bearer token (RS256 by JWKS, `iss`, `aud`, `exp`
 * with no leeway, a subject), then the signed tenant headers, and answers `{"sub"}`; a refusal is a 401 in
 * plain text. `GET /healthz` is open.
 */
export interface Api {
  readonly url: string;
  /** 200s and 401s of `/v1/me` by token id (`jti`). */
  readonly calls: ReadonlyMap<string, TokenCalls>;
  totals(): { accepted: number; refused: number };
  /** Refuses this token, or every one that the predicate picks by its id (`jti`), from now on, however good. */
  refuse(which: string | ((tokenId: string) => boolean)): void;
  /** Takes back every `refuse`. */
  relent(): void;
  stop(): Promise<void>;
}

type Verdict = { readonly sub: string } | { readonly refusal: Refusal };

function bearer(headers: IncomingHttpHeaders): string | undefined {
  return /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
}

/** The `jti` as the token claims it: good enough to count by, also for a token that is refused. */
function claimedId(token: string | undefined): string {
  try {
    return (token === undefined ? undefined : decodeJwt(token).jti) ?? NO_TOKEN_ID;
  } catch {
    return NO_TOKEN_ID;
  }
}

class Gate {
  readonly denials: ((tokenId: string) => boolean)[] = [];
  readonly #options: ApiOptions;
  readonly #keys: JWTVerifyGetKey;

  constructor(options: ApiOptions, keys: JWTVerifyGetKey) {
    this.#options = options;
    this.#keys = keys;
  }

  async judge(headers: IncomingHttpHeaders): Promise<Verdict> {
    const token = bearer(headers);
    if (token === undefined) return { refusal: 'missing' };
    const { issuer, audience, tenantHeaderSecret } = this.#options;
    try {
      const { payload } = await jwtVerify(token, this.#keys, {
        issuer,
        audience,
        algorithms: ['RS256'],
        requiredClaims: ['exp'],
      });
      if (!payload.sub) return { refusal: 'subject' };
      const { jti } = payload;
      if (jti !== undefined && this.denials.some((denies) => denies(jti))) return { refusal: 'denied' };
      if (!tenantHeadersAreValid(headers, tenantHeaderSecret, Date.now())) return { refusal: 'tenant' };
      return { sub: payload.sub };
    } catch (error) {
      return { refusal: refusalOf(error) };
    }
  }
}

function answer(response: ServerResponse, status: number, text: string, type = 'text/plain'): void {
  response.writeHead(status, { 'content-type': type }).end(text);
}

async function me(
  gate: Gate,
  ledger: CallLedger,
  request: IncomingMessage,
): Promise<[number, string, string?]> {
  const tokenId = claimedId(bearer(request.headers));
  const verdict = await gate.judge(request.headers);
  if ('sub' in verdict) {
    ledger.accept(tokenId);
    return [200, JSON.stringify({ sub: verdict.sub }), 'application/json'];
  }
  ledger.refuse(tokenId, verdict.refusal);
  return [401, verdict.refusal === 'tenant' ? 'invalid tenant headers' : 'unauthorized'];
}

export async function startApi(options: ApiOptions): Promise<Api> {
  const server = await listenTls(options.authority, 'sandbox api');
  const trusting = createTrustingFetch(options.caPem);
  const keys = createRemoteJWKSet(new URL(options.jwksUrl), {
    [customFetch]: trusting.fetch,
    cacheMaxAge: 3_600_000,
    cooldownDuration: 0,
  });
  const gate = new Gate(options, keys);
  const ledger = new CallLedger();
  server.serve(async (request, response) => {
    if (request.url === '/healthz') return answer(response, 200, 'ok');
    if (request.url !== '/v1/me' || request.method !== 'GET') return answer(response, 404, 'not found');
    answer(response, ...(await me(gate, ledger, request)));
  });
  return {
    url: `https://localhost:${server.port}`,
    calls: ledger.byToken,
    totals: () => ledger.totals(),
    refuse: (which) =>
      void gate.denials.push(typeof which === 'string' ? (tokenId) => tokenId === which : which),
    relent: () => void gate.denials.splice(0),
    stop: async () => {
      await server.stop();
      await trusting.close();
    },
  };
}
