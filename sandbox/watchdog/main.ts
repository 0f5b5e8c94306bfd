/**
 * Outlives the process that started it by a moment: reads orders on stdin, one JSON object per line, and at
 * end of file, which also comes when that process is killed, ends what is still guarded.
 */
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Order } from './watchdog.ts';

const processGroups = new Set<number>();
const directories = new Set<string>();

function obey(order: Order): void {
  if ('guard' in order) processGroups.add(order.guard);
  if ('forget' in order) processGroups.delete(order.forget);
  if ('directory' in order) directories.add(order.directory);
}

function killGroup(id: number): void {
  try {
    process.kill(-id, 'SIGKILL');
  } catch {
    // Gone already, which is what we want.
  }
}

for await (const line of createInterface({ input: process.stdin })) obey(JSON.parse(line));

for (const id of processGroups) killGroup(id);
for (const path of directories) {
  // A process that is being killed may still be creating files: try again for a while.
  await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}
