import type { EpochMs } from '../clock.ts';
import type { DeliveryFailureReason, Failure, IssueFailureReason } from '../failure.ts';
import { type Attempts, type Circumstances, NO_ATTEMPTS } from './attempts.ts';
import { holds, staged, yielded } from './delivery.ts';
import type { Facts, HeldFact, ProbeResult } from './facts.ts';
import { FINALIZER, REFRESH_REQUESTED_AT, SKIP_CLEANUP } from './names.ts';
import type { ProviderReport } from './provider-report.ts';
import { isFromFuture, type StoredToken } from './stored-token.ts';
import { type Cleanup, type DeliveryRecord, isRecorded, retarget, strategyOf } from './targets.ts';
import type { TokenBinding } from './token-binding.ts';

/** The state of one run: what was observed, changed by what the steps reported. */
export interface Progress {
  readonly facts: Facts;
  /** Why the latest step was chosen: the text of the check that held. */
  readonly why: string;
  /** The delivery or cleanup the latest step is about. */
  readonly subject?: string | undefined;

  /** The intact token in the target Secret. */
  readonly token?: StoredToken | undefined;
  /** Everything else about the target Secret is as the spec wants it. */
  readonly shaped: boolean;
  /** Whose object stands at the target Secret's name, when it is not ours. */
  readonly foreign?: string | undefined;
  /** A token obtained but not yet written. */
  readonly held?: StoredToken | undefined;
  /** What the probe said of the held token, or of the one this run stored. */
  readonly probed?: ProbeResult | undefined;
  /** This run wrote a new token. */
  readonly refreshed: boolean;
  readonly issueFailure?: Failure<IssueFailureReason> | undefined;
  /** Failures to issue since the last success. */
  readonly attempts: Attempts;
  /** The provider was not asked: others go first, or it fails for everybody. */
  readonly deferred?: Deferral | undefined;
  /** What the provider told in this run besides the token. */
  readonly report?: ProviderReport | undefined;
  /** Which key of the credential Secret the provider accepted in this run. */
  readonly credentialUsed?: CredentialUsed | undefined;

  /** The token that the second Secret holds for a rollback. */
  readonly previous?: StoredToken | undefined;
  /** The token about to be replaced could not be kept; a failed rollout will halt. */
  readonly keepFailed: boolean;
  /** Deliveries compared with their app in this run, and those of them that somebody else had written. */
  readonly driftChecked: readonly string[];
  readonly driftFound: readonly string[];

  readonly deliveries: readonly DeliveryRecord[];
  readonly cleanups: readonly Cleanup[];
  /** The cluster remembers deliveries and cleanups as they stand here. */
  readonly recorded: boolean;
  readonly finalized: boolean;
  readonly deliveryFailures: Readonly<Record<string, Failure<DeliveryFailureReason>>>;
  /** Cleanups that failed in this run, by `cleanupName`. */
  readonly cleanupFailures: Readonly<Record<string, Failure<DeliveryFailureReason>>>;
  /** Rollouts at rest until that time. */
  readonly waiting: Readonly<Record<string, EpochMs>>;
  /** Rollouts that this run started or finished, for events. */
  readonly rolloutsStarted: readonly string[];
  readonly rolloutsFinished: readonly string[];
  /** Deliveries whose secret this run wrote, once per write, and those that it took back to the token before. */
  readonly secretsSet: readonly string[];
  readonly rollbacksFinished: readonly string[];
}

/** An attempt put off; `failure` when that is because the provider fails for everybody. */
export interface Deferral {
  readonly until: EpochMs;
  readonly failure?: Failure<IssueFailureReason> | undefined;
}

/** `Next`: the one of the `next…Key`, while a credential is rotated. */
export type CredentialUsed = 'Current' | 'Next';

/** The delivery that the latest step is about. */
export function deliveryInHand({ deliveries, subject }: Progress): DeliveryRecord | undefined {
  return deliveries.find(({ name }) => name === subject);
}

/** Where a run starts. */
export function begin(facts: Facts): Progress {
  const { binding, secret, held } = facts;
  const token = secret.state === 'ours' ? secret.token : undefined;
  const { deliveries, cleanups } = retarget(binding);
  const targets = {
    cleanups,
    deliveries: deliveries.map((record) =>
      facts.rivals.includes(record.name)
        ? yielded(record, facts.now)
        : adopted(record, binding, token?.id, facts.now),
    ),
  };
  const skipped = binding.metadata.annotations?.[SKIP_CLEANUP] === 'true';
  const isKept = (cleanup: Cleanup) => skipped || facts.claimedElsewhere.includes(cleanupName(cleanup));
  const wanted = { ...targets, cleanups: cleanups.filter((cleanup) => !isKept(cleanup)) };
  return {
    facts,
    why: '',
    token: secret.state === 'ours' ? secret.token : undefined,
    shaped: secret.state === 'ours' && secret.shaped,
    foreign: secret.state === 'foreign' ? secret.owner : undefined,
    ...(held && isWanted(held, facts) ? { held: held.token, probed: held.probed } : {}),
    refreshed: false,
    ...{ previous: facts.previous, keepFailed: false, driftChecked: [], driftFound: [] },
    attempts: binding.status?.attempts ?? NO_ATTEMPTS,
    ...wanted,
    recorded: isRecorded(wanted, binding),
    finalized: binding.metadata.finalizers?.includes(FINALIZER) ?? false,
    deliveryFailures: {},
    cleanupFailures: {},
    waiting: {},
    rolloutsStarted: [],
    rolloutsFinished: [],
    ...{ secretsSet: [], rollbacksFinished: [] },
  };
}

/** A delivery whose strategy became Stage amid its rollout has what Stage asks for. */
function adopted(
  record: DeliveryRecord,
  binding: TokenBinding,
  tokenId: string | undefined,
  now: EpochMs,
): DeliveryRecord {
  const isOpen = record.tokenId !== undefined && record.tokenId === tokenId && !holds(record, tokenId);
  if (!isOpen || strategyOf(binding, record.name) !== 'Stage') return record;
  const { rolloutStartedAt: _, ...rest } = record;
  return staged({ ...rest, attempts: NO_ATTEMPTS }, now);
}

/** How long a token is held that the API of the probe rejects: its clock or its keys may be a moment behind. */
const PROBE_PATIENCE_MS = 2 * 60_000;

/** A held token is for this spec, and newer than what another leader may have stored meanwhile. */
function isWanted({ token: held, probed }: HeldFact, facts: Facts): boolean {
  const { binding, credential, secret, now, setBackMs } = facts;
  // Its times are by the wall clock as it is; `now` and the stored token's are by what that would show else.
  const wall = now - setBackMs;
  const requested = binding.metadata.annotations?.[REFRESH_REQUESTED_AT];
  const answers = requested === binding.status?.lastHandledRefreshAt || held.refreshRequest === requested;
  const stored = secret.state === 'ours' ? secret.token : undefined;
  const fits = held.fingerprint === (credential.fingerprint ?? held.fingerprint);
  const isRejected = binding.spec.verify?.probe !== undefined && probed === undefined;
  const isGivenUp = isRejected && wall - held.issuedAt > PROBE_PATIENCE_MS;
  const isNewer = !stored || isFromFuture(stored, now) || held.issuedAt + setBackMs > stored.issuedAt;
  return fits && answers && !isGivenUp && held.expiresAt > wall && isNewer;
}

/** A cleanup's name in messages and maps. */
export const cleanupName = (cleanup: { app: string; secretName: string }) =>
  `${cleanup.app}/${cleanup.secretName}`;

/** What an issue attempt of this run depends on. */
export const issueCircumstances = ({ facts }: Progress): Circumstances => ({
  generation: facts.binding.metadata.generation,
  credentialVersion: facts.credential.version,
});

/** What an attempt at a Fly app depends on: the spec and the Secret with its API token. */
export const flyCircumstances = ({ facts }: Progress, apiTokenSecret: string): Circumstances => ({
  generation: facts.binding.metadata.generation,
  credentialVersion: facts.apiTokenVersions[apiTokenSecret] ?? 'absent',
});
