import { request } from 'node:http';
import { connect } from 'node:net';
import type { CheckDefinition } from './machine-config.ts';

export type CheckState = 'passing' | 'warning' | 'critical';

/** One entry of a machine's `checks`. */
export interface CheckResult {
  readonly name: string;
  readonly status: CheckState;
  readonly output: string;
  readonly updated_at: string;
}

export interface HealthOptions {
  readonly checks: readonly CheckDefinition[];
  /** Port on 127.0.0.1 of the machine's process. Machines share the address, so this replaces the configured one. */
  readonly port: number;
  readonly now: () => number;
  /** When true, no check passes, whatever the process answers. */
  readonly broken: boolean;
  readonly onResult: () => void;
}

/** A check that has not passed yet is tried again after this long, so that a boot need not wait an interval. */
const BOOT_RETRY_MS = 500;

/** Runs the checks of one boot until stopped. A check has no result before its first probe has ended. */
export class Health {
  readonly #options: HealthOptions;
  readonly #startedAtMs: number;
  readonly #results = new Map<string, CheckResult>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopped = false;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#startedAtMs = options.now();
    for (const check of options.checks) void this.#run(check);
  }

  results(): CheckResult[] {
    return [...this.#results.values()];
  }

  /** True when every configured check has a result and it passes; also when none is configured. */
  healthy(): boolean {
    return this.#options.checks.every(({ name }) => this.#results.get(name)?.status === 'passing');
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  async #run(check: CheckDefinition): Promise<void> {
    const failure = this.#options.broken
      ? 'check fails by injected fault'
      : await probe(check, this.#options.port);
    if (this.#stopped) return;
    const now = this.#options.now();
    const status = failure === undefined ? 'passing' : this.#failing(check, now);
    const updated_at = new Date(now).toISOString();
    this.#results.set(check.name, { name: check.name, status, output: failure ?? 'ok', updated_at });
    this.#options.onResult();
    const delay = status === 'passing' ? check.intervalMs : Math.min(check.intervalMs, BOOT_RETRY_MS);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#run(check);
    }, delay);
    this.#timers.add(timer);
  }

  #failing(check: CheckDefinition, now: number): CheckState {
    return now - this.#startedAtMs < check.graceMs ? 'warning' : 'critical';
  }
}

/** Why the probe failed; undefined when it passed (HTTP 2xx, or TCP connected). */
async function probe(check: CheckDefinition, port: number): Promise<string | undefined> {
  const signal = AbortSignal.timeout(check.timeoutMs);
  try {
    return await (check.type === 'tcp' ? probeTcp(port, signal) : probeHttp(check, port, signal));
  } catch (error) {
    return error instanceof Error ? error.message : 'probe failed';
  }
}

function probeHttp(check: CheckDefinition, port: number, signal: AbortSignal): Promise<string | undefined> {
  const { method, path, headers } = check;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port, method, path, headers, signal, agent: false },
      (reply) => {
        reply.resume();
        const status = reply.statusCode ?? 0;
        resolve(status >= 200 && status < 300 ? undefined : `HTTP ${status}`);
      },
    );
    outgoing.once('error', reject).end();
  });
}

function probeTcp(port: number, signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, signal }, () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', reject);
  });
}
