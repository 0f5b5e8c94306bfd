import type { WorkQueue, WorkQueueHooks } from '../../controller/workqueue.ts';

/** Writes down what the queue tells its meters. */
export class Meters implements WorkQueueHooks {
  depths: number[] = [];
  adds = 0;
  retries = 0;
  waits: number[] = [];

  depth(keys: number): void {
    this.depths.push(keys);
  }
  added(): void {
    this.adds += 1;
  }
  retried(): void {
    this.retries += 1;
  }
  queued(seconds: number): void {
    this.waits.push(seconds);
  }
}

/** Takes and finishes every key that is ready now, in order. */
export async function takeAll(queue: WorkQueue): Promise<string[]> {
  const keys: string[] = [];
  while (queue.length > 0) {
    const key = (await queue.get()) ?? '';
    keys.push(key);
    queue.done(key);
  }
  return keys;
}
