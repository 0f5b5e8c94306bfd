import { parseDuration } from './duration.ts';
import { type ElectionTiming, RETRY_JITTER, timingFaults } from './election-timing.ts';
import { LONGEST_EFFECT_MS } from './fence.ts';
import type { Flags } from './flags.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';

/** How something must be written, and how to say so. */
interface Form {
  readonly pattern: RegExp;
  readonly maxLength: number;
  readonly demand: string;
}

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';

/** RFC 1123 label, as Kubernetes demands of a namespace's name. */
export const NAMESPACE: Form = {
  pattern: new RegExp(`^${LABEL}$`),
  maxLength: 63,
  demand: 'must be names of namespaces separated by commas: lower-case letters, digits and dashes',
};

/** RFC 1123 subdomain, as Kubernetes demands of most names. */
export const OBJECT_NAME: Form = {
  pattern: new RegExp(`^${LABEL}(\\.${LABEL})*$`),
  maxLength: 253,
  demand: 'must be an object name: lower-case letters, digits, dashes and dots',
};

/** As the egress rules compare it: a name, an address in plain or bracketed form, or every name below a suffix. */
export const HOST: Form = {
  pattern: new RegExp(`^((\\*\\.)?${LABEL}(\\.${LABEL})*|\\[[0-9a-f:.]+\\])$`),
  maxLength: 253,
  demand:
    'must be hosts separated by commas, in lower case, without scheme and port: id.acme.dev or *.acme.dev',
};

export const IDENTITY: Form = {
  pattern: /^[\x21-\x7e]+$/,
  maxLength: 253,
  demand: 'must be a unique name of printable characters without spaces, for example the name of the Pod',
};

const PERIOD_FLAGS: Readonly<Record<keyof ElectionTiming, string>> = {
  leaseDurationMs: '--leader-elect-lease-duration',
  renewDeadlineMs: '--leader-elect-renew-deadline',
  retryPeriodMs: '--leader-elect-retry-period',
};

/** Checks of single flags. Each gives the value as the process uses it and, when it is no good, adds a sentence. */
export class FlagChecks {
  readonly #faults: string[];

  constructor(faults: string[]) {
    this.#faults = faults;
  }

  /** An absent file is fine, an empty name is a variable that was not set. */
  file(flag: string, value: string | undefined): string | undefined {
    if (value === '') this.#fault(flag, value, 'must be the path of a file; leave the flag out for none');
    return value;
  }

  name(flag: string, value: string, form: Form): string {
    if (!fits(value, form)) this.#fault(flag, value, form.demand);
    return value;
  }

  list(flag: string, value: string, form: Form): string[] {
    const items = value === '' ? [] : value.split(',').map((item) => item.trim());
    if (!items.every((item) => fits(item, form))) this.#fault(flag, value, form.demand);
    return items;
  }

  /** A whole number from 1 to `most`. */
  count(flag: string, value: string, most: number): number {
    const count = /^\d{1,6}$/.test(value) ? Number(value) : 0;
    if (count < 1 || count > most) this.#fault(flag, value, `must be a whole number from 1 to ${most}`);
    return count;
  }

  /** What stands before an @ is a password; such a value is not repeated. */
  url(flag: string, value: string): string {
    const url = URL.parse(value);
    const plain = url?.protocol === 'https:' && !/[@?#]/.test(value);
    const shown = value.includes('@') ? '[not shown]' : value;
    if (!plain)
      this.#fault(flag, shown, 'must be an https URL without user, query and fragment: https://host/path');
    return value.replace(/\/+$/, '');
  }

  leaseNamespace(value: string | undefined, podNamespace: string | undefined): string {
    const flag = '--leader-elect-namespace';
    const namespace = value ?? podNamespace ?? '';
    if (value === undefined && namespace === '') {
      this.#faults.push(
        `${flag} is required outside a Pod: the namespace of the Lease (in a Pod set POD_NAMESPACE)`,
      );
    } else if (!fits(namespace, NAMESPACE)) {
      this.#fault(
        value === undefined ? 'POD_NAMESPACE' : flag,
        namespace,
        'must be the name of one namespace',
      );
    }
    return namespace;
  }

  timing(flags: Flags): ElectionTiming {
    const faultsBefore = this.#faults.length;
    const timing = {
      leaseDurationMs: this.#duration(PERIOD_FLAGS.leaseDurationMs, flags.leaderElectLeaseDuration),
      renewDeadlineMs: this.#duration(PERIOD_FLAGS.renewDeadlineMs, flags.leaderElectRenewDeadline),
      retryPeriodMs: this.#duration(PERIOD_FLAGS.retryPeriodMs, flags.leaderElectRetryPeriod),
    };
    if (this.#faults.length > faultsBefore) return timing;
    for (const { period, demand } of timingFaults(timing)) {
      this.#fault(PERIOD_FLAGS[period], `${timing[period] / 1000}s`, demand);
    }
    const least = LONGEST_EFFECT_MS + timing.retryPeriodMs * RETRY_JITTER;
    if (this.#faults.length === faultsBefore && timing.leaseDurationMs <= least) {
      const demand = `must be longer than ${least / 1000}s: no call starts that the Lease may not outlive`;
      this.#fault(PERIOD_FLAGS.leaseDurationMs, flags.leaderElectLeaseDuration, demand);
    }
    return timing;
  }

  address(flag: string, value: string): { host: string | undefined; port: number } {
    const [, bracketed, plain, digits] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/\s]*)):(\d{1,5})$/i.exec(value) ?? [];
    const port = Number(digits ?? -1);
    if (port < 0 || port > 65_535) {
      this.#fault(
        flag,
        value,
        'must be host:port or :port, an IPv6 address in brackets: :8080, 127.0.0.1:0, [::1]:8080',
      );
    }
    return { host: bracketed || plain || undefined, port };
  }

  logLevel(value: string): LogLevel {
    const level = LOG_LEVELS.find((known) => known === value);
    if (!level) this.#fault('--log-level', value, `must be one of ${LOG_LEVELS.join(', ')}`);
    return level ?? 'info';
  }

  #duration(flag: string, value: string): number {
    const milliseconds = parseDuration(value);
    if (milliseconds === undefined)
      this.#fault(flag, value, 'must be a time with its unit: 500ms, 15s, 1m30s');
    return milliseconds ?? 0;
  }

  #fault(flag: string, value: string, demand: string): void {
    this.#faults.push(`${flag} ${JSON.stringify(value)} ${demand}`);
  }
}

function fits(value: string, { pattern, maxLength }: Form): boolean {
  return value.length <= maxLength && pattern.test(value);
}
