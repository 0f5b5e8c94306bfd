import { createHmac } from 'node:crypto';

export interface ProtectedApiOptions {
  readonly url: string;
  /** The bearer token as it came from the environment. */
  readonly token: string;
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
  /** @throws when the API gives no answer within five seconds */
  whoami(): Promise<Identity>;
}

const DEADLINE_MS = 5000;

function signedTenant({ tenantId, tenantHeaderSecret }: ProtectedApiOptions): Record<string, string> {
  const timestamp = String(Date.now());
  const signature = createHmac('sha256', tenantHeaderSecret).update(`${tenantId}:${timestamp}`).digest('hex');
  return { 'x-tb-tenant-id': tenantId, 'x-tb-timestamp': timestamp, 'x-tb-signature': signature };
}

export function createProtectedApi(options: ProtectedApiOptions): ProtectedApi {
  return {
    whoami: async () => {
      const response = await fetch(new URL('/v1/me', options.url), {
        headers: { authorization: `Bearer ${options.token}`, ...signedTenant(options) },
        signal: AbortSignal.timeout(DEADLINE_MS),
        redirect: 'error',
      });
      if (response.status !== 200) {
        await response.body?.cancel();
        return { status: response.status };
      }
      const { sub } = (await response.json()) as { sub: string };
      return { status: 200, sub };
    },
  };
}
