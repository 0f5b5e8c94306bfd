import { join } from 'node:path';

/** How Keycloak is run: what `bin/kc.sh` would do, without a shell and with a home directory of our choice. */
export interface Launch {
  /** Home of the Java to run it with. */
  readonly javaHome: string;
  /** Holds `lib/` of a distribution, or a link to it, and takes data and configuration. */
  readonly home: string;
  /** Subcommand and options of Keycloak, such as `start --optimized`. */
  readonly args: readonly string[];
}

const OPENED = ['java.util', 'java.util.concurrent', 'java.security', 'java.lang'];

export function launchCommand({ javaHome, home, args }: Launch): { command: string; args: string[] } {
  return {
    command: join(javaHome, 'bin', 'java'),
    args: [
      '-Xmx512m',
      // It lives for a minute or two: what the better compiler and collector cost never pays.
      ...['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'],
      ...OPENED.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
      '--enable-native-access=ALL-UNNAMED',
      `-Dkc.home.dir=${home}`,
      '-Djava.util.logging.manager=org.jboss.logmanager.LogManager',
      ...['-cp', join(home, 'lib', 'quarkus-run.jar')],
      ...['io.quarkus.bootstrap.runner.QuarkusEntryPoint', ...args],
    ],
  };
}
