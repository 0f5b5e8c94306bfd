import { setTimeout as delay } from 'node:timers/promises';

/** Resolves once the condition holds; fails when it does not within that much real time. */
export async function until(
  condition: () => boolean,
  what = condition.toString(),
  withinMs = 10_000,
): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`not within ${withinMs} ms: ${what}`);
    await delay(5);
  }
}
