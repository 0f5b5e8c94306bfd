import type { StoredToken } from '../src/binding/stored-token.ts';
import type { SecretValue } from '../src/secret-value.ts';

/** A token that was obtained and is not in its Secret yet. */
export interface HeldToken {
  /** The binding it was issued for; one created anew under the same name has no right to it. */
  readonly uid: string;
  readonly token: StoredToken;
  readonly value: SecretValue;
}

/** What was found in a Secret at one version: names of values, never the values. */
export interface Reading {
  /** `uid/resourceVersion`. */
  readonly version: string;
  /** By data key: the `SecretValue.id` of the value in the scope that read it. */
  readonly ids: ReadonlyMap<string, string>;
}

/** The client id in a credential Secret at one version. */
export interface KnownClient {
  readonly version: string;
  readonly clientIdKey: string;
  readonly clientId: string;
}

/**
 * What a process remembers between runs to spare requests. Losing all of it costs requests, never correctness;
 * only a held token is worth more: it saves a second issue when its Secret could not be written at once.
 */
export class Memory {
  /** By binding key. */
  readonly held = new Map<string, HeldToken>();
  /** By binding key: its target Secret. */
  readonly readings = new Map<string, Reading>();
  /** By binding key: its credential. */
  readonly clients = new Map<string, KnownClient>();

  /** Forgets a binding that is gone. */
  forget(key: string): void {
    this.held.delete(key);
    this.readings.delete(key);
    this.clients.delete(key);
  }
}
