import type { ProtectedApi } from './protected-api.ts';
import { tokenFacts } from './token.ts';
import type { TokenSource } from './token-source.ts';

/** `unreachable` is the API's trouble, not the token's: the machine stays in service. */
export type TokenState = 'ok' | 'missing' | 'expired' | 'refused' | 'unreachable';

/** The body of `/health`; never the token. */
export interface Health {
  readonly machine: string;
  readonly state: TokenState;
  /** Short id and expiry (epoch seconds) of the token that the next call of the API goes with. */
  readonly token?: { readonly id: string; readonly exp?: number };
}

export interface HealthOptions {
  readonly machine: string;
  readonly tokens: TokenSource;
  readonly api: ProtectedApi;
}

/** How long one answer of the API is good for, so that probes do not multiply into calls. */
const CACHE_MS = 1000;

/** Whether a machine in this state should get traffic. */
export function isServing(state: TokenState): boolean {
  return state === 'ok' || state === 'unreachable';
}

async function ask(api: ProtectedApi): Promise<TokenState> {
  try {
    const { status } = await api.whoami();
    if (status === 401 || status === 403) return 'refused';
    return status === 200 ? 'ok' : 'unreachable';
  } catch {
    return 'unreachable';
  }
}

interface Asked {
  readonly id: string;
  readonly at: number;
  readonly state: Promise<TokenState>;
}

/** A probe that tries the token on the API, each at most once a second however often it is called. */
export function createHealth({ machine, tokens, api }: HealthOptions): () => Promise<Health> {
  let asked: Asked | undefined;
  return async () => {
    const token = await tokens.current();
    if (token === '') return { machine, state: 'missing' };
    const facts = tokenFacts(token);
    const now = Date.now();
    if (facts.exp !== undefined && facts.exp * 1000 <= now)
      return { machine, state: 'expired', token: facts };
    if (asked?.id !== facts.id || now - asked.at >= CACHE_MS)
      asked = { id: facts.id, at: now, state: ask(api) };
    return { machine, state: await asked.state, token: facts };
  };
}
