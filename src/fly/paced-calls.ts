import type { MachinesApi } from '@fly/machines-api';
import type { Clock } from '../clock.ts';
import { retryNotBefore } from '../http/retry-after.ts';
import type { Bucket, FlyPacer } from './fly-pacer.ts';

type Middleware = Parameters<MachinesApi['use']>[0];

const MACHINE = '/apps/{app_name}/machines/{machine_id}';
const TOO_MANY_REQUESTS = 429;

/** Has every request about an app wait for its turn, for at most `patienceMs`, and every 429 hold up the next ones. */
export function pacedCalls(pacer: FlyPacer, clock: Clock, patienceMs: number): Middleware {
  return {
    onRequest: async (call) => {
      const bucket = bucketOf(call);
      if (bucket) await pacer.turn(bucket, patienceMs, call.request.signal);
    },
    onResponse: (call) => {
      const { status, headers } = call.response;
      const bucket = status === TOO_MANY_REQUESTS ? bucketOf(call) : undefined;
      if (!bucket) return;
      const now = clock.now();
      const notBefore = retryNotBefore(headers, now);
      pacer.pause(bucket, notBefore === undefined ? undefined : notBefore - now);
    },
  };
}

/** Fly counts by action and by machine or app; neither the name of a secret nor a metadata key matters. */
function bucketOf(call: {
  readonly request: { readonly method: string };
  readonly schemaPath: string;
  readonly params: { readonly path?: Record<string, unknown> };
}): Bucket | undefined {
  const { app_name: app, machine_id: machine = '' } = call.params.path ?? {};
  if (app === undefined) return undefined;
  const { method } = call.request;
  const isMachineRead = method === 'GET' && call.schemaPath === MACHINE;
  return { key: `${method} ${call.schemaPath} ${app} ${machine}`, isMachineRead };
}
