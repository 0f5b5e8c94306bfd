import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubernetesObject } from '@kubernetes/client-node';
import { decodeJwt } from 'jose';
import type { TrustingFetch } from '../../sandbox/trusting-fetch.ts';
import type { World } from '../../sandbox/world.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';

const LOOK_EVERY_MS = 200;

export interface WitnessOptions {
  readonly world: World;
  readonly namespace: string;
  /** The Secrets looked at, by name; each has its token under the key `token`. */
  readonly secrets: readonly string[];
  /** Base URL of the API that the tokens are for, and what it takes to call it. */
  readonly apiUrl: string;
  readonly apiFetch: TrustingFetch['fetch'];
  readonly tenantHeaderSecret: string;
}

interface Seen {
  readonly token: string;
  /** Epoch ms. */
  readonly expiresAt: number;
}

/**
 * A consumer of every token of a namespace: five times a second it reads the Secrets, calls the API with what is
 * in them, and notes what went wrong and what the bindings said meanwhile.
 */
export class Witness {
  readonly #options: WitnessOptions;
  readonly #stopping = new AbortController();
  /** By Secret: the token of the last look. */
  readonly #held = new Map<string, Seen>();
  readonly #tokens = new Map<string, string[]>();
  #watching: Promise<void> = Promise.resolve();

  /** One line for each time that a Secret was without a valid token, or the API refused what it held. */
  readonly complaints: string[] = [];
  /** Everything that conditions of bindings have been: `Ready=True Current`. */
  readonly conditions = new Set<string>();
  /** As of the last look. */
  bindings: readonly TokenBinding[] = [];
  /** Calls of the API that were answered 200. */
  accepted = 0;
  /** Least life that was left of a token when it was seen in use, or when its successor was, in ms. */
  leastLifeMs = Number.POSITIVE_INFINITY;

  constructor(options: WitnessOptions) {
    this.#options = options;
  }

  /** Every token seen, by Secret, the oldest first. */
  get tokens(): ReadonlyMap<string, readonly string[]> {
    return this.#tokens;
  }

  start(): void {
    this.#watching = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const pause = sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
      await this.#look();
      await pause;
    }
  }

  /** A busy API server tells nothing about the tokens: that look is skipped. */
  async #look(): Promise<void> {
    const { world, namespace, secrets } = this.#options;
    const [found, bindings] = await Promise.all([
      world.objects.secretsOf(namespace).catch(() => undefined),
      world.objects.list<TokenBinding & KubernetesObject>('TokenBinding', namespace).catch(() => undefined),
    ]);
    if (!found || !bindings) return;
    const now = Date.now();
    this.bindings = bindings;
    for (const { status } of bindings) {
      for (const { type, status: value, reason } of status?.conditions ?? [])
        this.conditions.add(`${type}=${value} ${reason}`);
    }
    await Promise.all(secrets.map((name) => this.#use(name, found.get(name)?.token, now)));
  }

  /** Consumers may still use the token of the look before until now, so that has to be valid, too. */
  async #use(name: string, token: string | undefined, now: number): Promise<void> {
    const before = this.#held.get(name);
    if (token === undefined) {
      if (before) this.complaints.push(`${name} lost its token`);
      return;
    }
    const current = { token, expiresAt: Number(decodeJwt(token).exp) * 1000 };
    if (before?.token !== token) this.#tokens.set(name, [...(this.#tokens.get(name) ?? []), token]);
    this.#held.set(name, current);
    for (const { expiresAt } of [current, before ?? current]) {
      this.leastLifeMs = Math.min(this.leastLifeMs, expiresAt - now);
      if (expiresAt <= now)
        this.complaints.push(`${name} held a token that expired ${now - expiresAt} ms ago`);
    }
    const status = await this.#call(token);
    if (status === 200) this.accepted += 1;
    else this.complaints.push(`the API answered ${status} to the token of ${name}`);
  }

  async #call(token: string): Promise<number> {
    const { apiUrl, apiFetch, tenantHeaderSecret } = this.#options;
    const timestamp = String(Date.now());
    const signature = createHmac('sha256', tenantHeaderSecret).update(`witness:${timestamp}`).digest('hex');
    const headers = {
      authorization: `Bearer ${token}`,
      'x-tb-tenant-id': 'witness',
      'x-tb-timestamp': timestamp,
      'x-tb-signature': signature,
    };
    const response = await apiFetch(`${apiUrl}/v1/me`, { headers });
    await response.body?.cancel();
    return response.status;
  }
}
