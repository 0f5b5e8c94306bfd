import type { ProbeResult } from '../src/binding/facts.ts';
import type { StoredToken } from '../src/binding/stored-token.ts';
import type { EpochMs } from '../src/clock.ts';
import type { SecretValue } from '../src/secret-value.ts';
import type { Instant } from './instant.ts';

/** A token that was obtained and is not in its Secret yet. */
export interface HeldToken {
  /** The binding it was issued for; one created anew under the same name has no right to it. */
  readonly uid: string;
  readonly token: StoredToken;
  /** When the times of the token were right by the wall clock. */
  readonly at: Instant;
  readonly value: SecretValue;
  /** What the API of spec.verify.probe said of it. */
  readonly probed?: ProbeResult;
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

/** When the Secret came to hold a token, or this process first saw that, by both clocks. */
export interface Anchor extends Instant {
  readonly tokenId: string;
}

/** When an app was last compared with what was delivered, epoch ms. */
export interface DriftCheck {
  readonly secretAt: EpochMs;
  readonly machinesAt: EpochMs;
  /** The version of the API token with which it could not be, the last time. */
  readonly failedWith?: string;
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
  /** By binding key: the credential version at which its next credential worked and the current one did not. */
  readonly fallbacks = new Map<string, string>();
  /** By binding key: the provider's clock minus ours when it last answered, in ms. */
  readonly skews = new Map<string, number>();
  /** By binding key. */
  readonly anchors = new Map<string, Anchor>();
  /** By binding key and delivery. */
  readonly driftChecks = new Map<string, DriftCheck>();
  /** By binding key and delivery: the app, and the API token at the version that nothing is known against. */
  readonly examinedTokens = new Map<string, string>();
  /** By Fly app: the binding that takes its rollout further just now. */
  readonly turns = new Map<string, string>();
  /** By binding key: the Secret with the token before the current one. */
  readonly previous = new Map<string, Reading>();

  /** Forgets a binding that is gone. */
  forget(key: string): void {
    const { held, readings, clients, fallbacks, skews, anchors, previous } = this;
    for (const map of [held, readings, clients, fallbacks, skews, anchors, previous]) map.delete(key);
    for (const map of [this.driftChecks, this.examinedTokens])
      for (const delivery of map.keys()) if (delivery.startsWith(`${key}/`)) map.delete(delivery);
  }
}
