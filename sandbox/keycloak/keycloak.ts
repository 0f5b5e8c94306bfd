import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDaemon } from '../control-plane/daemon.ts';
import type { Environment, ProgressStream } from '../control-plane/index.ts';
import { freePort } from '../control-plane/ports.ts';
import type { Authority } from '../pki.ts';
import { createTrustingFetch } from '../trusting-fetch.ts';
import { startWatchdog, type Watchdog } from '../watchdog/watchdog.ts';
import { resolveDistribution } from './distribution.ts';
import { resolveJavaHome } from './jdk.ts';
import { launchCommand } from './launch.ts';
import { type RealmOptions, realmImport } from './realm.ts';

export interface KeycloakOptions {
  /** Where Java and Keycloak are looked for; see `resolveJavaHome` and `resolveDistribution`. */
  readonly env: Environment;
  /** Told what is fetched and started. */
  readonly progress: ProgressStream;
  /** Signs its certificate. */
  readonly authority: Authority;
  readonly realm: RealmOptions;
  /** CAs (PEM) behind the URLs from which it reads keys, such as a cluster's. */
  readonly trusted: readonly string[];
  readonly signal?: AbortSignal;
}

/** A Keycloak with one realm, on loopback, its data in memory. */
export interface Keycloak {
  /** Of the realm: the `iss` of its tokens. */
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly jwksUrl: string;
  /** Ends the process and removes its files. */
  stop(): Promise<void>;
}

const READY_DEADLINE_MS = 240_000;
const PROBE_DEADLINE_MS = 5_000;

/**
 * Starts Keycloak, fetched first when it is missing, and waits until the realm serves: half a minute on two slow
 * cores. It ends with this process, however that ends.
 */
export async function startKeycloak(options: KeycloakOptions): Promise<Keycloak> {
  const { env, progress, signal } = options;
  const fetching = { progress, ...(signal && { signal }) };
  const javaHome = await resolveJavaHome(env, fetching);
  const distribution = await resolveDistribution(env, { ...fetching, javaHome });
  progress.write('starting Keycloak\n');
  const watchdog = startWatchdog();
  const abort = () => void watchdog.stop();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    signal?.throwIfAborted();
    return await startIn(await createHome(watchdog, distribution, options), javaHome, { watchdog, options });
  } catch (error) {
    await watchdog.stop();
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** A home directory for this run alone, so that any number can run from one distribution. */
async function createHome(
  watchdog: Watchdog,
  distribution: string,
  { authority, realm, trusted }: KeycloakOptions,
): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'keycloak-'));
  watchdog.removeLater(home);
  const path = (...names: string[]) => join(home, ...names);
  for (const name of ['conf', 'providers', 'trusted']) await mkdir(path(name));
  await mkdir(path('data', 'import'), { recursive: true });
  await symlink(join(distribution, 'lib'), path('lib'));
  await writeFile(path('data', 'import', `${realm.name}-realm.json`), JSON.stringify(realmImport(realm)));
  await Promise.all(trusted.map((pem, index) => writeFile(path('trusted', `${index}.pem`), pem)));
  const { certPem, keyPem } = await authority.issue({
    commonName: 'keycloak',
    hosts: ['localhost', '127.0.0.1'],
  });
  await writeFile(path('conf', 'server.crt'), certPem);
  await writeFile(path('conf', 'server.key'), keyPem);
  return home;
}

interface Run {
  readonly watchdog: Watchdog;
  readonly options: KeycloakOptions;
}

async function startIn(home: string, javaHome: string, { watchdog, options }: Run): Promise<Keycloak> {
  const port = await freePort();
  const url = `https://localhost:${port}`;
  const issuer = `${url}/realms/${options.realm.name}`;
  const args = [
    ...['start', '--optimized', '--import-realm', '--cache=local'],
    ...[`--hostname=${url}`, '--http-host=127.0.0.1', `--https-port=${port}`],
    `--https-certificate-file=${join(home, 'conf', 'server.crt')}`,
    `--https-certificate-key-file=${join(home, 'conf', 'server.key')}`,
    `--truststore-paths=${join(home, 'trusted')}`,
  ];
  const trusting = createTrustingFetch(options.authority.certPem);
  const discovery = `${issuer}/.well-known/openid-configuration`;
  const limits = () => ({ signal: AbortSignal.timeout(PROBE_DEADLINE_MS) });
  try {
    await startDaemon(watchdog, {
      name: 'Keycloak',
      ...launchCommand({ javaHome, home, args }),
      logPath: join(home, 'keycloak.log'),
      ready: async () => (await trusting.fetch(discovery, limits())).ok,
      deadlineMs: READY_DEADLINE_MS,
    });
  } finally {
    await trusting.close();
  }
  const protocol = `${issuer}/protocol/openid-connect`;
  return {
    issuer,
    tokenEndpoint: `${protocol}/token`,
    jwksUrl: `${protocol}/certs`,
    stop: () => watchdog.stop(),
  };
}
