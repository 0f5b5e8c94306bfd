import type { CallLimits } from '../http/egress.ts';
import { askMetadata, type MetadataEffects, type ServerMetadata } from './server-metadata.ts';

export type { ServerMetadata } from './server-metadata.ts';

/** The bounds of one request for metadata: documents in the field are below 20 KiB. */
export const DISCOVERY_LIMITS: CallLimits = { deadlineMs: 10_000, maxBodyBytes: 256 * 1024 };

/** How long metadata counts as fresh, in milliseconds. */
const FRESH_MS = 3_600_000;

/** How long stale metadata is used before it is asked for anew when that has failed, in milliseconds. */
const STALE_MS = 60_000;

/** Issuers remembered; beyond them the one unused for longest is forgotten. */
const MOST_ISSUERS = 1000;

interface Entry {
  readonly metadata: ServerMetadata;
  /** By the monotonic clock. */
  readonly freshUntil: number;
}

/**
 * The metadata of issuers, remembered for the process. It is shared by all who name the same issuer: metadata
 * is public, and comes from the issuer itself.
 */
export class Discovery {
  readonly #effects: MetadataEffects;
  readonly #entries = new Map<string, Entry>();
  readonly #asking = new Map<string, Promise<ServerMetadata>>();

  /** @param effects their fetch is bounded by `DISCOVERY_LIMITS` */
  constructor(effects: MetadataEffects) {
    this.#effects = effects;
  }

  /**
   * The metadata of `issuer`, at most an hour old unless a refresh fails: then the last known stays in use.
   *
   * @throws FailureError<IssueFailureReason> when there is none and none was known before
   * @throws the reason of `signal` when that aborts; others who wait for the same answer still get it
   */
  async find(issuer: string, signal?: AbortSignal): Promise<ServerMetadata> {
    const entry = this.#entries.get(issuer);
    if (entry === undefined || entry.freshUntil <= this.#effects.clock.monotonic()) {
      return this.#ask(issuer, signal);
    }
    this.#remember(issuer, entry);
    return entry.metadata;
  }

  /**
   * As `find`, for one to whom `outdated` turned out to be wrong: asked anew, unless somebody else has done so.
   */
  async renew(issuer: string, outdated: ServerMetadata, signal?: AbortSignal): Promise<ServerMetadata> {
    const known = this.#entries.get(issuer)?.metadata;
    return known === undefined || known === outdated ? this.#ask(issuer, signal) : known;
  }

  #ask(issuer: string, signal: AbortSignal | undefined): Promise<ServerMetadata> {
    signal?.throwIfAborted();
    let asking = this.#asking.get(issuer);
    if (asking === undefined) {
      asking = this.#refresh(issuer).finally(() => this.#asking.delete(issuer));
      this.#asking.set(issuer, asking);
    }
    return unlessAborted(asking, signal);
  }

  async #refresh(issuer: string): Promise<ServerMetadata> {
    const { clock } = this.#effects;
    try {
      const metadata = await askMetadata(issuer, this.#effects);
      this.#remember(issuer, { metadata, freshUntil: clock.monotonic() + FRESH_MS });
      return metadata;
    } catch (error) {
      const known = this.#entries.get(issuer);
      if (known === undefined) throw error;
      this.#remember(issuer, { ...known, freshUntil: clock.monotonic() + STALE_MS });
      return known.metadata;
    }
  }

  /** Puts the entry last, and forgets the first one when there are too many. */
  #remember(issuer: string, entry: Entry): void {
    this.#entries.delete(issuer);
    this.#entries.set(issuer, entry);
    const [first] = this.#entries.keys();
    if (this.#entries.size > MOST_ISSUERS && first !== undefined) this.#entries.delete(first);
  }
}

/** Waits for shared work without a say in it: who leaves must not end it for the others. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const leave = () => reject(signal?.reason);
  signal?.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([aborted, work]);
  } finally {
    signal?.removeEventListener('abort', leave);
  }
}
