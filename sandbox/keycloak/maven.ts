import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { runBuildCommand } from '../control-plane/build-command.ts';
import type { BuildPlace, Environment } from '../control-plane/cache.ts';

/** A zip file in a Maven repository. */
export interface MavenZip {
  readonly groupId: string;
  readonly artifactId: string;
  readonly version: string;
  /** Hex. */
  readonly sha512: string;
}

const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';

/**
 * Unpacks the zip into `place.directory`. Maven fetches it from wherever it is set up to, and keeps it, so that an
 * interrupted run does not fetch it again.
 *
 * @throws when there is no Maven, it fails, or the file is not the one we know
 */
export async function unpackFromMaven(zip: MavenZip, place: BuildPlace, env: Environment): Promise<void> {
  const { groupId, artifactId, version } = zip;
  await runBuildCommand(place, {
    what: `fetching ${artifactId} ${version} with Maven`,
    command: 'mvn',
    // Not in batch mode, in which Maven tells no progress.
    args: [
      '-Dstyle.color=never',
      `-Dartifact=${groupId}:${artifactId}:${version}:zip`,
      `-DoutputDirectory=${place.directory}`,
      `${PLUGIN}:copy`,
      `${PLUGIN}:unpack`,
    ],
    env,
    missing:
      `Keycloak must be fetched, but there is no "mvn" on PATH: install Maven 3.6 or newer (the package maven of ` +
      'Debian and Homebrew), or set TEST_ASSET_KEYCLOAK to the directory of an unpacked Keycloak',
    progressOf: (line) => {
      const done = line.match(/^Progress \(\d+\): (.*\S)/)?.[1];
      return done === undefined ? undefined : `downloading ${done}`;
    },
  });
  const hash = createHash('sha512');
  await pipeline(createReadStream(join(place.directory, `${artifactId}-${version}.zip`)), hash);
  if (hash.digest('hex') === zip.sha512) return;
  throw new Error(
    `${artifactId} ${version} from Maven is not the file it should be (SHA-512): remove it from Maven's local ` +
      'repository, usually ~/.m2/repository, and try again',
  );
}
