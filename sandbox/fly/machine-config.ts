import { durationMs } from './duration.ts';

/**
 * A machine's configuration as its owner sent it. Kept whole and untyped, so that fields this sandbox does not
 * know survive; below are the few that make it do something.
 */
export type MachineConfig = Readonly<Record<string, unknown>>;

export interface CheckDefinition {
  /** Name in the machine's `checks`; a service's check has none of its own: `servicecheck-00-http-8080`. */
  readonly name: string;
  readonly type: 'http' | 'tcp';
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly graceMs: number;
}

export interface StopPolicy {
  readonly signal: NodeJS.Signals;
  readonly timeoutMs: number;
}

const MAX_CHECK_INTERVAL_MS = 60_000;
const MAX_KILL_TIMEOUT_MS = 300_000;

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `config.env`: plain variables, below the secrets of the same name. */
export function environment(config: MachineConfig): Record<string, string> {
  const env = isRecord(config.env) ? config.env : {};
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)]));
}

export function metadata(config: MachineConfig): Readonly<Record<string, unknown>> {
  return isRecord(config.metadata) ? config.metadata : {};
}

/** `config.stop_config`; by default SIGINT and five seconds until the kill, at most 300. */
export function stopPolicy(config: MachineConfig): StopPolicy {
  const stop = isRecord(config.stop_config) ? config.stop_config : {};
  const timeoutMs = Math.min(durationMs(stop.timeout, 5_000), MAX_KILL_TIMEOUT_MS);
  return { signal: (stop.signal ?? 'SIGINT') as NodeJS.Signals, timeoutMs };
}

/** Machines that this one stands in for (`config.standbys`): the platform starts it when their host fails. */
export function standbyFor(config: MachineConfig): readonly string[] {
  return Array.isArray(config.standbys) ? config.standbys.map(String) : [];
}

/** Whether Fly's proxy may start the machine for a request (`autostart` of one of its services). */
export function wakesOnRequest(config: MachineConfig): boolean {
  const services = Array.isArray(config.services) ? config.services.filter(isRecord) : [];
  return services.some(({ autostart }) => autostart === true);
}

/** How often the platform starts a program again that ended with `exitCode`; a configuration that says nothing: 0. */
export function restartsAllowed(config: MachineConfig, exitCode: number): number {
  const { policy, max_retries } = isRecord(config.restart) ? config.restart : {};
  if (policy === 'always') return Number.POSITIVE_INFINITY;
  if (policy !== 'on-failure' || exitCode === 0) return 0;
  return typeof max_retries === 'number' ? max_retries : 10;
}

/** The checks of `config.checks` and of each service, in this order. */
export function checkDefinitions(config: MachineConfig): CheckDefinition[] {
  const own = Object.entries(isRecord(config.checks) ? config.checks : {});
  const services = Array.isArray(config.services) ? config.services.filter(isRecord) : [];
  const ofServices = services.flatMap((service, index) => {
    const checks = Array.isArray(service.checks) ? service.checks.filter(isRecord) : [];
    return checks.map((check) => [serviceCheckName(service, index, check), check] as const);
  });
  return [...own, ...ofServices].map(([name, check]) => checkDefinition(name, isRecord(check) ? check : {}));
}

function serviceCheckName(service: MachineConfig, index: number, check: MachineConfig): string {
  return `servicecheck-${String(index).padStart(2, '0')}-${check.type}-${check.port ?? service.internal_port}`;
}

function checkDefinition(name: string, check: MachineConfig): CheckDefinition {
  const headers = Array.isArray(check.headers) ? check.headers.filter(isRecord) : [];
  return {
    name,
    type: check.type === 'tcp' ? 'tcp' : 'http',
    method: String(check.method ?? 'GET').toUpperCase(),
    path: String(check.path ?? '/'),
    headers: Object.fromEntries(headers.map((header) => [String(header.name), String(header.values)])),
    intervalMs: Math.min(durationMs(check.interval, 15_000), MAX_CHECK_INTERVAL_MS),
    timeoutMs: durationMs(check.timeout, 2_000),
    graceMs: durationMs(check.grace_period, 0),
  };
}
