import { join } from 'node:path';
import type { Watchdog } from '../watchdog/watchdog.ts';
import { startDaemon } from './daemon.ts';
import { freePort } from './ports.ts';

export interface Etcd {
  /** Client URL (plain HTTP on loopback). */
  readonly url: string;
  /** Discards all history before the present revision. */
  compact(): Promise<void>;
}

const READY_DEADLINE_MS = 30_000;
const REQUEST_DEADLINE_MS = 10_000;

/** Starts etcd with its data and log in `directory`; it ends with the watchdog. */
export async function startEtcd(watchdog: Watchdog, binary: string, directory: string): Promise<Etcd> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  await startDaemon(watchdog, {
    name: 'etcd',
    command: binary,
    args: [
      `--data-dir=${join(directory, 'etcd')}`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=default=${peerUrl}`,
      // Nothing here has to survive a power cut, and disks of build machines are slow.
      '--unsafe-no-fsync',
    ],
    logPath: join(directory, 'etcd.log'),
    ready: async () => (await fetch(`${url}/readyz`, limits())).ok,
    deadlineMs: READY_DEADLINE_MS,
  });
  return { url, compact: () => compact(url) };
}

/** Over etcd's JSON gateway, in which keys are base64 and int64 are strings. */
async function compact(url: string): Promise<void> {
  const key = Buffer.from('/').toString('base64');
  const { header } = (await call(`${url}/v3/kv/range`, { key })) as { header: { revision: string } };
  await call(`${url}/v3/kv/compaction`, { revision: header.revision, physical: true });
}

async function call(url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body), ...limits() });
  if (!response.ok) throw new Error(`etcd answered ${response.status} to ${url}`);
  return response.json();
}

function limits() {
  return { signal: AbortSignal.timeout(REQUEST_DEADLINE_MS) };
}
