import type { EpochMs } from '../clock.ts';
import { GROUP } from './names.ts';

/**
 * What is known of a token without the token: kept as annotations on the Secret that holds it, so that a
 * binding restored from a backup, or one whose status was lost, goes on with the token it has.
 */
export interface StoredToken {
  /** First 16 hex digits of SHA-256(namespace/name, token). */
  readonly id: string;
  readonly issuedAt: EpochMs;
  readonly expiresAt: EpochMs;
  /** What shaped the token (source, audience, client); a token fits a spec with the same fingerprint. */
  readonly fingerprint: string;
  /** Data key of the Secret under which the token stands. */
  readonly key: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly scopes: readonly string[];
  /** The refresh annotation of the binding as the token was asked for: a request that this token answers. */
  readonly refreshRequest?: string;
}

/** Clocks of replicas may differ by this much, in milliseconds, before a time in the future counts as wrong. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

/** Whether a token's times are by a clock that was wrong. */
export const isFromFuture = ({ issuedAt }: StoredToken, now: EpochMs) => issuedAt > now + CLOCK_TOLERANCE_MS;

type Annotations = Readonly<Record<string, string>>;

const annotation = (name: string) => `${GROUP}/${name}`;

/** Annotations of the target Secret: the owning binding's name and what re-adoption needs. */
export function toAnnotations(bindingName: string, token: StoredToken): Annotations {
  return {
    [annotation('binding')]: bindingName,
    [annotation('token-id')]: token.id,
    [annotation('issued-at')]: new Date(token.issuedAt).toISOString(),
    [annotation('expires-at')]: new Date(token.expiresAt).toISOString(),
    [annotation('fingerprint')]: token.fingerprint,
    [annotation('key')]: token.key,
    ...(token.issuer === undefined ? {} : { [annotation('issuer')]: token.issuer }),
    ...(token.audience === undefined ? {} : { [annotation('audience')]: token.audience }),
    ...(token.scopes.length === 0 ? {} : { [annotation('scopes')]: token.scopes.join(' ') }),
    ...(token.refreshRequest === undefined ? {} : { [annotation('refresh-request')]: token.refreshRequest }),
  };
}

/** The binding that an annotated Secret was written for, if any. */
export function boundTo(annotations: Annotations): string | undefined {
  return annotations[annotation('binding')];
}

/** Reads back `toAnnotations`; undefined when anything needed is missing or damaged by hand. */
export function fromAnnotations(annotations: Annotations): StoredToken | undefined {
  const id = annotations[annotation('token-id')];
  const fingerprint = annotations[annotation('fingerprint')];
  const key = annotations[annotation('key')];
  const issuedAt = Date.parse(annotations[annotation('issued-at')] ?? '');
  const expiresAt = Date.parse(annotations[annotation('expires-at')] ?? '');
  if (!id || !fingerprint || !key || Number.isNaN(issuedAt) || Number.isNaN(expiresAt)) return undefined;
  const issuer = annotations[annotation('issuer')];
  const audience = annotations[annotation('audience')];
  const scopes = annotations[annotation('scopes')]?.split(' ') ?? [];
  const refreshRequest = annotations[annotation('refresh-request')];
  return {
    id,
    fingerprint,
    key,
    issuedAt,
    expiresAt,
    scopes,
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
    ...(refreshRequest === undefined ? {} : { refreshRequest }),
  };
}
