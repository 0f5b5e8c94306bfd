import { createHmac, randomBytes } from 'node:crypto';
import type { Behaviour } from './behaviour.ts';

/** What the API tells about a secret: never its value. */
export interface SecretRecord {
  readonly name: string;
  readonly digest: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** All secrets of an app as they were at one version. */
export interface VaultSnapshot {
  readonly version: number;
  readonly values: Readonly<Record<string, string>>;
}

interface Entry extends SecretRecord {
  readonly value: string;
}

/** What machines get before the first write. */
const EMPTY: VaultSnapshot = { version: 0, values: {} };

/**
 * The secrets of one app. Every write raises the app's version by one: a version contains all writes before it,
 * to whichever key. Machines may see a write later than the one who made it (`vaultLagMs`).
 */
export class Vault {
  readonly #behaviour: Behaviour;
  readonly #digestKey = randomBytes(32);
  readonly #entries = new Map<string, Entry>();
  #version = 0;
  #visible = EMPTY;

  constructor(behaviour: Behaviour) {
    this.#behaviour = behaviour;
  }

  /** Sets the keys that have a value and unsets those with null; unsetting an absent key is no error. */
  write(changes: Readonly<Record<string, string | null>>, nowMs: number): number {
    if (this.#version > 0 && !this.#behaviour.equalWriteRaisesVersion && !this.#differs(changes)) {
      return this.#version;
    }
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) this.#entries.delete(name);
      else this.#entries.set(name, this.#entry(name, value, new Date(nowMs).toISOString()));
    }
    this.#version += 1;
    this.#publish();
    return this.#version;
  }

  record(name: string): SecretRecord | undefined {
    const entry = this.#entries.get(name);
    return entry && withoutValue(entry);
  }

  records(): SecretRecord[] {
    return [...this.#entries.values()].map(withoutValue);
  }

  /** What a machine that is made now gets. */
  snapshot(): VaultSnapshot {
    return this.#visible;
  }

  #publish(): void {
    const values = Object.fromEntries([...this.#entries].map(([name, entry]) => [name, entry.value]));
    const snapshot = { version: this.#version, values };
    const show = () => {
      if (snapshot.version > this.#visible.version) this.#visible = snapshot;
    };
    const { vaultLagMs } = this.#behaviour;
    if (vaultLagMs === 0) show();
    else setTimeout(show, vaultLagMs).unref();
  }

  #differs(changes: Readonly<Record<string, string | null>>): boolean {
    return Object.entries(changes).some(
      ([name, value]) => (this.#entries.get(name)?.value ?? null) !== value,
    );
  }

  #entry(name: string, value: string, now: string): Entry {
    const previous = this.#entries.get(name);
    return {
      name,
      value,
      digest: this.#digest(name, value),
      created_at: previous?.created_at ?? now,
      updated_at: previous?.value === value ? previous.updated_at : now,
    };
  }

  /** Opaque on purpose, like Fly's: keyed, so that no client can compute one to compare with. */
  #digest(name: string, value: string): string {
    return createHmac('sha256', this.#digestKey).update(`${name}\0${value}`).digest('hex').slice(0, 16);
  }
}

function withoutValue({ name, digest, created_at, updated_at }: Entry): SecretRecord {
  return { name, digest, created_at, updated_at };
}
