import type { EpochMs } from '../clock.ts';
import type { StoredToken } from './stored-token.ts';
import type { TokenBinding } from './token-binding.ts';

/** Everything a run decides on, observed once at its start. Plain data: no token, no clock, no handle. */
export interface Facts {
  /**
   * The wall clock; where that was set back while the stored token was in use, the time it would show else.
   */
  readonly now: EpochMs;
  /** How far `now` is ahead of the wall clock, in ms: 0 unless that was set back. */
  readonly setBackMs: number;
  /** A number in [0, 1) drawn for this run; spreads retries. */
  readonly random: number;
  readonly binding: TokenBinding;
  readonly credential: CredentialFact;
  /** By name of a Secret with an API token: its `uid/resourceVersion`; a missing one has no entry. */
  readonly apiTokenVersions: Readonly<Record<string, string>>;
  readonly secret: SecretFact;
  /** Remote secrets (`cleanupName`) that other bindings have written and still want: not ours to unset. */
  readonly claimedElsewhere: readonly string[];
  /** A token that an earlier run of this process obtained and could not write yet. */
  readonly held?: HeldFact | undefined;
  /** The token in the second Secret, kept while a rollout with rollback is under way; intact and ours. */
  readonly previous?: StoredToken | undefined;
  /** Names of deliveries whose remote secret belongs to another binding, which wrote it first. */
  readonly rivals: readonly string[];
  /** By name of a delivery: when its app is to be compared again with what was delivered. */
  readonly driftDueAt: Readonly<Record<string, EpochMs>>;
  /** Names of deliveries whose app could not be compared the last time. */
  readonly unchecked: readonly string[];
  /** Names of deliveries to whose app another binding is about to write as well: one rollout serves both. */
  readonly awaited: readonly string[];
  /** Tokens per 30 days that all bindings of the namespace with this credential ask for. */
  readonly forecast: number;
}

export interface HeldFact {
  readonly token: StoredToken;
  /** The API of spec.verify.probe took it, or did not say. */
  readonly probed?: ProbeResult | undefined;
}

/** What became of a probe that did not reject the token; `message` is why it says nothing about the token. */
export type ProbeResult =
  | { readonly result: 'Accepted' }
  | { readonly result: 'Inconclusive'; readonly message: string };

/** The client credential, as far as it may be known without reading the secret part. */
export interface CredentialFact {
  /** `uid/resourceVersion` of the Secret, or `absent`: a change voids every backoff. */
  readonly version: string;
  /** What a token for this spec and client carries as its fingerprint; undefined while the client is unknown. */
  readonly fingerprint?: string | undefined;
}

/** The target Secret. */
export type SecretFact =
  | { readonly state: 'absent' }
  /** Somebody else's object of that name; `owner` says whose, for the message. */
  | { readonly state: 'foreign'; readonly owner: string }
  | {
      readonly state: 'ours';
      /** The token in it, when data and annotations agree. */
      readonly token?: StoredToken | undefined;
      /** Whether everything but the token is as the spec wants it (keys, labels, annotations, owner). */
      readonly shaped: boolean;
    };
