import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Build } from './cache.ts';
import type { Tool } from './tools.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const GO_MODULES = fileURLToPath(new URL('go/', import.meta.url));
const KEPT_LINES = 20;
/** What `go build -v` prints for each package it has compiled. */
const IMPORT_PATH = /^[\w.~-]+(\/[\w.~-]+)*$/;

/**
 * Builds with the Go toolchain on PATH; its build cache makes an interrupted build continue where it was.
 * The build rejects with the last lines of what the compiler said.
 *
 * @param env environment of the toolchain: PATH, HOME, GOPROXY, GOCACHE and the like
 */
export function goBuild(env: Environment): Build {
  return async (tool, { directory, watchdog, progress }) => {
    const output = ['-o', join(directory, tool.name)];
    const flags = ['-v', '-trimpath', '-buildvcs=false', '-ldflags', tool.ldflags];
    const go = watchdog.spawn('go', ['build', ...flags, ...output, tool.mainPackage], {
      cwd: join(GO_MODULES, tool.module),
      env: { ...env, CGO_ENABLED: '0', GOWORK: 'off', GOTMPDIR: directory },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    go.ref();
    const ended = new Promise<number | string>((resolve, reject) => {
      go.once('error', (error) => reject(notStarted(tool, error)));
      go.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
    const [code, tail] = await Promise.all([ended, follow(go.stderr, progress.update)]);
    if (code !== 0) {
      throw new Error(`go build of ${tool.name} ${tool.version} failed (${code}):\n${tail.join('\n')}`);
    }
  };
}

async function follow(
  stderr: NodeJS.ReadableStream | null,
  update: (detail: string) => void,
): Promise<string[]> {
  if (stderr === null) return [];
  const tail: string[] = [];
  let packages = 0;
  for await (const line of createInterface({ input: stderr })) {
    if (line.startsWith('go: downloading ')) update(line.slice('go: '.length));
    else if (IMPORT_PATH.test(line)) update(`${++packages} packages compiled`);
    else tail.push(line);
  }
  return tail.slice(-KEPT_LINES);
}

function notStarted(tool: Tool, error: NodeJS.ErrnoException): Error {
  if (error.code !== 'ENOENT') return error;
  return new Error(
    `${tool.name} must be built, but there is no "go" on PATH: install Go 1.26 or newer (https://go.dev/dl), ` +
      'or set KUBEBUILDER_ASSETS to a directory with the binaries (setup-envtest makes one)',
  );
}
