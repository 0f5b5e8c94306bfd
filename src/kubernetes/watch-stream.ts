import type { Clock } from '../clock.ts';
import { ApiError, type Attempt, asApiError, readRefusal } from './api-error.ts';
import type { KubernetesClient } from './client.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import type { Selection } from './list-pages.ts';

/** A change, or a bookmark: "nothing of interest up to this resourceVersion". */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: KubernetesObject;
}

export interface WatchOptions {
  readonly clock: Clock;
  /** Where to begin: events after this one. */
  readonly resourceVersion: string;
  /** After this many seconds the API server ends the stream by itself. */
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

/**
 * A stream without a byte for this long is taken for dead: bookmarks come about once a minute, and the
 * connection of a vanished peer would otherwise look quiet for ever.
 */
const SILENCE_MS = 100_000;

/**
 * Follows a selection until the API server ends the stream. Leaving the loop closes the connection.
 *
 * @throws ApiError on any other end: refused (410 `Expired`: list anew), broken off, silent (`Silent`), an
 *   ERROR event, or a line that is no event (`MalformedAnswer`: what it said is lost, list anew)
 */
export async function* watchStream(
  client: KubernetesClient,
  selection: Selection,
  options: WatchOptions,
): AsyncGenerator<WatchEvent, void, undefined> {
  const attempt: Attempt = { verb: 'watch', at: selection.at };
  const silence = new Silence(options.clock);
  try {
    const bytes = await client.stream({
      ...attempt,
      query: {
        watch: true,
        allowWatchBookmarks: true,
        labelSelector: selection.labelSelector,
        resourceVersion: options.resourceVersion,
        timeoutSeconds: options.timeoutSeconds,
      },
      ...(selection.watchAccept === undefined ? {} : { accept: selection.watchAccept }),
      signal: AbortSignal.any([options.signal, silence.signal]),
    });
    for await (const line of linesOf(bytes, () => silence.rearm())) yield readEvent(attempt, line);
  } catch (error) {
    if (silence.signal.aborted) throw new ApiError(attempt, { status: 0, reason: 'Silent' });
    throw asApiError(attempt, error);
  } finally {
    silence.stop();
  }
}

/** Aborts its signal when not rearmed in time. */
class Silence {
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  #timer;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#timer = this.#arm();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  rearm(): void {
    this.#timer.cancel();
    this.#timer = this.#arm();
  }

  stop(): void {
    this.#timer.cancel();
  }

  #arm() {
    return this.#clock.after(SILENCE_MS, () => this.#controller.abort());
  }
}

/** Splits at line feeds; an unfinished last line is an event cut off and not passed on. */
async function* linesOf(bytes: AsyncIterable<Uint8Array>, onBytes: () => void): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of bytes) {
    onBytes();
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield line;
  }
}

const TYPES: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']);

interface Untrusted {
  type?: unknown;
  object?: { code?: unknown; metadata?: { resourceVersion?: unknown } };
}

function readEvent(attempt: Attempt, line: string): WatchEvent {
  const event: Untrusted | null = JSON.parse(line);
  if (event?.type === 'ERROR') {
    const status = typeof event.object?.code === 'number' ? event.object.code : 500;
    throw new ApiError(attempt, readRefusal(status, JSON.stringify(event.object), null));
  }
  const resourceVersion = event?.object?.metadata?.resourceVersion;
  if (!TYPES.has(event?.type) || typeof resourceVersion !== 'string') {
    throw new SyntaxError('not a watch event');
  }
  return event as WatchEvent;
}
