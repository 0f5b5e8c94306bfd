import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { resolveBinaries } from '../sandbox/control-plane/index.ts';

/**
 * Runs the suite, or the files given: `npm test -- test/binding/*.test.ts`. What the end-to-end tests start is
 * found or built first, with progress, so that no test spends its time on a compiler. The tests against Keycloak need
 * Java, and are a command of their own: `npm run test:keycloak`.
 */
interface Round {
  readonly files: readonly string[];
  /** Test files at a time. Tests of one file share a world, and every world is some ten processes. */
  readonly concurrency: number;
}

const ROOT = join(import.meta.dirname, '..');
/** Worlds wait more than they work: one more than there are processors keeps those busy. */
const concurrency = Math.max(1, Math.min(5, availableParallelism() + 1));
/** What measures, or lives on tokens of seconds, has the machine to itself. */
const SUITE: readonly Round[] = [
  { files: ['test/!(keycloak|alone)/**/*.test.ts'], concurrency },
  { files: ['test/alone/*.test.ts'], concurrency: 1 },
];

const given = process.argv.slice(2);
const rounds = given.length > 0 ? [{ files: given, concurrency }] : SUITE;
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());

if (process.env.USE_EXISTING_CLUSTER !== 'true')
  await resolveBinaries(process.env, { progress: process.stderr });
for (const round of rounds) {
  if (stopping.signal.aborted) break;
  process.exitCode = Math.max(Number(process.exitCode ?? 0), await run(round));
}

/** @returns the exit code of the test runner; 1 when it was stopped */
async function run({ files, concurrency: atOnce }: Round): Promise<number> {
  const flags = ['--test', `--test-concurrency=${atOnce}`, '--test-reporter=spec'];
  const runner = spawn(process.execPath, [...flags, ...files], { cwd: ROOT, stdio: 'inherit' });
  const stop = () => runner.kill();
  stopping.signal.addEventListener('abort', stop, { once: true });
  const [code] = await once(runner, 'exit');
  stopping.signal.removeEventListener('abort', stop);
  return code ?? 1;
}
