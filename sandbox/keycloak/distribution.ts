import { createHash } from 'node:crypto';
import { cp, readFile, rename } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { runBuildCommand } from '../control-plane/build-command.ts';
import {
  type BuildPlace,
  cached,
  cacheRoot,
  type Environment,
  type Product,
} from '../control-plane/cache.ts';
import type { ProgressStream } from '../control-plane/index.ts';
import { launchCommand } from './launch.ts';
import { type MavenZip, unpackFromMaven } from './maven.ts';

export interface DistributionOptions {
  readonly javaHome: string;
  readonly progress: ProgressStream;
  /** Ends the download or the build early. */
  readonly signal?: AbortSignal;
}

const ZIP: MavenZip = {
  groupId: 'org.keycloak',
  artifactId: 'keycloak-quarkus-dist',
  version: '26.7.3',
  sha512:
    '15c764765576eef267cf15cc5225a5826b5394a25a83d9bfa5b8544e4bbba690' +
    'cb743c9d384200b93bb71ee4c4a328e1dd8c0a00f822fd3e6e154f14b1e47216',
};
/** Data in memory; clients may authenticate by the ServiceAccount tokens of a cluster. */
const BUILD_OPTIONS = ['--db=dev-mem', '--features=client-auth-federated,kubernetes-service-accounts'];

/**
 * Directory of a Keycloak that is built for our options, so that it starts quickly: made from `TEST_ASSET_KEYCLOAK`,
 * an unpacked distribution, or from one that Maven fetches. It is made once and kept; nothing writes to it later.
 *
 * @throws when TEST_ASSET_KEYCLOAK is no distribution of Keycloak, or when fetching or building fails
 */
export async function resolveDistribution(env: Environment, options: DistributionOptions): Promise<string> {
  const given = env.TEST_ASSET_KEYCLOAK ? await givenDistribution(env.TEST_ASSET_KEYCLOAK) : undefined;
  const product: Product = { name: 'keycloak', version: given?.version ?? ZIP.version, verb: 'install' };
  const key = fingerprint([...BUILD_OPTIONS, given?.path ?? '']);
  return cached(product, {
    ...options,
    directory: join(cacheRoot(env), `keycloak-${product.version}-${key}`),
    build: async (_product, place) => {
      const path = join(place.directory, product.name);
      if (given) await cp(given.path, path, { recursive: true, filter: (from) => basename(from) !== 'data' });
      else await unpack(path, place, { JAVA_HOME: options.javaHome, ...env });
      await build(path, place, options.javaHome);
    },
  });
}

async function givenDistribution(directory: string): Promise<{ path: string; version: string }> {
  const path = resolve(directory);
  const text = await readFile(join(path, 'version.txt'), 'utf8').catch(() => '');
  const version = text.match(/Keycloak - Version (\S+)/)?.[1];
  if (version !== undefined) return { path, version };
  throw new Error(
    `TEST_ASSET_KEYCLOAK is ${directory}, which is not the directory of an unpacked Keycloak: correct it or unset it`,
  );
}

async function unpack(path: string, place: BuildPlace, env: Environment): Promise<void> {
  await unpackFromMaven(ZIP, place, env);
  await rename(join(place.directory, `keycloak-${ZIP.version}`), path);
}

async function build(home: string, place: BuildPlace, javaHome: string): Promise<void> {
  place.progress.update('preparing it for a quick start');
  await runBuildCommand(place, {
    what: 'kc.sh build',
    ...launchCommand({ javaHome, home, args: ['build', ...BUILD_OPTIONS] }),
    env: {},
    missing: `there is no Java in ${javaHome}`,
  });
}

function fingerprint(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 8);
}
