import { createHmac } from 'node:crypto';
import type { TokenSource } from './token-source.ts';

export interface ProtectedApiOptions {
  readonly url: string;
  readonly tokens: TokenSource;
  readonly tenantId: string;
  /** Key of the signed tenant headers. */
  readonly tenantHeaderSecret: string;
}

/** Answer to "who am I": the subject with a 200, nothing with any other status. */
export interface Identity {
  readonly status: number;
  readonly sub?: string;
}

export interface ProtectedApi {
  /**
   * Asks with the freshest token, and once more when it is refused and another one has come meanwhile.
   *
   * @throws when the API gives no answer within five seconds
   */
  whoami(): Promise<Identity>;
}

const DEADLINE_MS = 5000;

function signedTenant({ tenantId, tenantHeaderSecret }: ProtectedApiOptions): Record<string, string> {
  const timestamp = String(Date.now());
  const signature = createHmac('sha256', tenantHeaderSecret).update(`${tenantId}:${timestamp}`).digest('hex');
  return { 'x-tb-tenant-id': tenantId, 'x-tb-timestamp': timestamp, 'x-tb-signature': signature };
}

export function createProtectedApi(options: ProtectedApiOptions): ProtectedApi {
  const ask = async (token: string): Promise<Identity> => {
    const response = await fetch(new URL('/v1/me', options.url), {
      headers: { authorization: `Bearer ${token}`, ...signedTenant(options) },
      signal: AbortSignal.timeout(DEADLINE_MS),
      redirect: 'error',
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      return { status: response.status };
    }
    const { sub } = (await response.json()) as { sub: string };
    return { status: 200, sub };
  };
  return {
    whoami: async () => {
      const token = await options.tokens.current();
      const identity = await ask(token);
      if (identity.status !== 401) return identity;
      const other = await options.tokens.reread();
      return other === token || other === '' ? identity : ask(other);
    },
  };
}
