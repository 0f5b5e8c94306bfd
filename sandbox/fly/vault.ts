import { createHmac, randomBytes } from 'node:crypto';

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

/**
 * The secrets of one app. Every write, also one that changes nothing, raises the app's version by one:
 * a version contains all writes before it, to whichever key.
 */
export class Vault {
  readonly #digestKey = randomBytes(32);
  readonly #entries = new Map<string, Entry>();
  #version = 0;

  get version(): number {
    return this.#version;
  }

  /** Sets the keys that have a value and unsets those with null; unsetting an absent key is no error. */
  write(changes: Readonly<Record<string, string | null>>, nowMs: number): number {
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) this.#entries.delete(name);
      else this.#entries.set(name, this.#entry(name, value, new Date(nowMs).toISOString()));
    }
    this.#version += 1;
    return this.#version;
  }

  record(name: string): SecretRecord | undefined {
    const entry = this.#entries.get(name);
    return entry && withoutValue(entry);
  }

  records(): SecretRecord[] {
    return [...this.#entries.values()].map(withoutValue);
  }

  snapshot(): VaultSnapshot {
    const values = Object.fromEntries([...this.#entries].map(([name, entry]) => [name, entry.value]));
    return { version: this.#version, values };
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
