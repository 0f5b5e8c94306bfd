import { setTimeout as sleep } from 'node:timers/promises';

export interface Patience<T> {
  /** What is waited for, for the message: "the binding to be Ready". */
  readonly what: string;
  /** Milliseconds. */
  readonly timeoutMs: number;
  /** Whether the value will do; any value but undefined, null and false does when absent. */
  readonly until?: (value: NonNullable<T>) => boolean;
}

const PERIOD_MS = 100;
const SHOWN_CHARACTERS = 2000;

/**
 * Looks again and again until what it sees will do. A look that fails is a look that saw nothing.
 *
 * @throws after `timeoutMs`, saying what was waited for and what was seen last, secrets left out
 */
export async function waitFor<T>(look: () => T | Promise<T>, patience: Patience<T>): Promise<NonNullable<T>> {
  const { what, timeoutMs, until = () => true } = patience;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const seen = await attempt(look);
    if ('value' in seen && seen.value && until(seen.value)) return seen.value;
    if (performance.now() >= deadline) {
      const last = 'value' in seen ? describe(seen.value) : seen.failure;
      throw new Error(`waited ${timeoutMs / 1000} s in vain for ${what}; last seen: ${last}`);
    }
    await sleep(PERIOD_MS);
  }
}

async function attempt<T>(look: () => T | Promise<T>): Promise<{ value: T } | { failure: string }> {
  try {
    return { value: await look() };
  } catch (error) {
    return { failure: error instanceof Error ? `${error.name}: ${error.message}` : 'a failure' };
  }
}

/** JSON without the data of Secrets and without anything that looks like a JWT or a Fly token. */
function describe(value: unknown): string {
  const json = JSON.stringify(value, (key, inner: unknown) => {
    if (key === 'data' || key === 'stringData') return '[left out]';
    return typeof inner === 'string' ? inner.replace(/eyJ[\w.-]{20,}|fm2_[\w,-]+/g, '[left out]') : inner;
  });
  return (json ?? String(value)).slice(0, SHOWN_CHARACTERS);
}
