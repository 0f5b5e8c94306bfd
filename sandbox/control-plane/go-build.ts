import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runBuildCommand } from './build-command.ts';
import type { Build, Environment } from './cache.ts';
import type { Tool } from './tools.ts';

const GO_MODULES = fileURLToPath(new URL('go/', import.meta.url));
/** What `go build -v` prints for each package it has compiled. */
const IMPORT_PATH = /^[\w.~-]+(\/[\w.~-]+)*$/;

/**
 * Builds with the Go toolchain on PATH; its build cache makes an interrupted build continue where it was.
 * The build rejects with the last lines of what the compiler said.
 *
 * @param env environment of the toolchain: PATH, HOME, GOPROXY, GOCACHE and the like
 */
export function goBuild(env: Environment): Build<Tool> {
  return (tool, place) => {
    const output = ['-o', join(place.directory, tool.name)];
    const flags = ['-v', '-trimpath', '-buildvcs=false', '-ldflags', tool.ldflags];
    return runBuildCommand(place, {
      what: `go build of ${tool.name} ${tool.version}`,
      command: 'go',
      args: ['build', ...flags, ...output, tool.mainPackage],
      cwd: join(GO_MODULES, tool.module),
      env: { ...env, CGO_ENABLED: '0', GOWORK: 'off', GOTMPDIR: place.directory },
      missing:
        `${tool.name} must be built, but there is no "go" on PATH: install Go 1.26 or newer (https://go.dev/dl), ` +
        'or set KUBEBUILDER_ASSETS to a directory with the binaries (setup-envtest makes one)',
      progressOf: packageCounter(),
    });
  };
}

function packageCounter(): (line: string) => string | undefined {
  let packages = 0;
  return (line) => {
    if (line.startsWith('go: downloading ')) return line.slice('go: '.length);
    return IMPORT_PATH.test(line) ? `${++packages} packages compiled` : undefined;
  };
}
