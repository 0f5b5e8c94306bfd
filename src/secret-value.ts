import { createHash } from 'node:crypto';
import { inspect } from 'node:util';

const REDACTED = '[redacted]';

/**
 * A credential in memory: a token, client secret, private key or API token.
 *
 * Every implicit way to turn an object into text (JSON, template strings, `util.inspect`, string
 * concatenation, pino) prints `[redacted]`; only an explicit `reveal()` at the edge that sends it does not.
 */
export class SecretValue {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The plain text. Call it only where the value leaves for its destination, never for text. */
  reveal(): string {
    return this.#value;
  }

  /**
   * A name for the value that may be shown: the first 16 hex digits of SHA-256(`scope`, value).
   * No key: tokens are high-entropy, and the name must be stable across restarts, replicas and restores.
   * Not for low-entropy values such as passwords.
   *
   * @param scope namespaced name of the owner, so that equal values of different owners look unrelated
   */
  id(scope: string): string {
    return createHash('sha256').update(scope).update('\0').update(this.#value).digest('hex').slice(0, 16);
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.toPrimitive](): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
