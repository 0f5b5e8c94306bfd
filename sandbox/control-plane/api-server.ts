import { writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import type { Authority, KeyPair } from '../pki.ts';
import type { Watchdog } from '../watchdog/watchdog.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import { freePort } from './ports.ts';

export interface ApiServerOptions {
  readonly binary: string;
  /** Existing directory for certificates and the log. */
  readonly directory: string;
  readonly etcdUrl: string;
  readonly authority: Authority;
  /** Client certificate with which readiness is asked. */
  readonly admin: KeyPair;
  /** Further flags of kube-apiserver. */
  readonly flags: readonly string[];
}

export interface ApiServer {
  /** Stays the same over restarts. */
  readonly url: string;
  /** Starts the process and waits until it serves; no effect while it runs. */
  start(): Promise<void>;
  /** Kills the process: open connections break. */
  stop(): Promise<void>;
  /** Halts the process for `ms` milliseconds: connections stay open and nothing answers. */
  freeze(ms: number): Promise<void>;
  /** True when GET of `path`, such as `/readyz`, answers 200. Rejects when there is no answer. */
  has(path: string): Promise<boolean>;
}

const READY_DEADLINE_MS = 120_000;
const PROBE_DEADLINE_MS = 5000;

/** Chooses a port and prepares the certificates of a kube-apiserver on loopback with RBAC. */
export async function prepareApiServer(watchdog: Watchdog, options: ApiServerOptions): Promise<ApiServer> {
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const args = await writeFiles(port, url, options);
  const has = (path: string) => answers(options, url + path);
  let daemon: Daemon | undefined;
  return {
    url,
    has,
    async start() {
      daemon ??= await startDaemon(watchdog, {
        name: 'kube-apiserver',
        command: options.binary,
        args,
        logPath: join(options.directory, 'kube-apiserver.log'),
        // The server makes this namespace shortly after it says that it is ready.
        ready: async () => (await has('/readyz')) && (await has('/api/v1/namespaces/default')),
        deadlineMs: READY_DEADLINE_MS,
      });
    },
    async stop() {
      await daemon?.kill();
      daemon = undefined;
    },
    async freeze(ms) {
      await daemon?.freeze(ms);
    },
  };
}

async function writeFiles(port: number, url: string, options: ApiServerOptions): Promise<string[]> {
  const path = (name: string) => join(options.directory, name);
  const server = await options.authority.issue({
    commonName: 'kube-apiserver',
    hosts: ['localhost', '127.0.0.1', 'kubernetes.default.svc'],
  });
  const serviceAccounts = await options.authority.issue({ commonName: 'service-accounts' });
  await writeFile(path('service-accounts.crt'), serviceAccounts.certPem);
  await writeFile(path('service-accounts.key'), serviceAccounts.keyPem, { mode: 0o600 });
  await writeFile(path('ca.crt'), options.authority.certPem);
  await writeFile(path('kube-apiserver.crt'), server.certPem);
  await writeFile(path('kube-apiserver.key'), server.keyPem, { mode: 0o600 });
  return [
    `--etcd-servers=${options.etcdUrl}`,
    '--bind-address=127.0.0.1',
    // No other machine needs to reach us, and a machine without a network has no other address.
    '--advertise-address=127.0.0.1',
    '--endpoint-reconciler-type=none',
    `--secure-port=${port}`,
    `--cert-dir=${options.directory}`,
    `--tls-cert-file=${path('kube-apiserver.crt')}`,
    `--tls-private-key-file=${path('kube-apiserver.key')}`,
    `--client-ca-file=${path('ca.crt')}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.0.0.0/24',
    '--allow-privileged=true',
    '--disable-admission-plugins=ServiceAccount',
    // An address at which others can read the keys, so that they can verify ServiceAccount tokens (OIDC discovery).
    `--service-account-issuer=${url}`,
    `--service-account-key-file=${path('service-accounts.crt')}`,
    `--service-account-signing-key-file=${path('service-accounts.key')}`,
    ...options.flags,
  ];
}

function answers({ authority, admin }: ApiServerOptions, url: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const tls = { ca: authority.certPem, cert: admin.certPem, key: admin.keyPem, agent: false as const };
    request(url, { ...tls, signal: AbortSignal.timeout(PROBE_DEADLINE_MS) }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    })
      .once('error', reject)
      .end();
  });
}
