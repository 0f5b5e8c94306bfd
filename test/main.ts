import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { resolveBinaries } from '../sandbox/control-plane/index.ts';

/**
 * Runs the suite, or the files given: `npm test -- test/binding/*.test.ts`. What the end-to-end tests start is
 * found or built first, with progress, so that no test spends its time on a compiler. The tests against Keycloak need
 * Java, and those that take minutes and a quiet machine are commands of their own: `npm run test:keycloak`, `test:long`.
 */
const ROOT = join(import.meta.dirname, '..');
const given = process.argv.slice(2);
const files = given.length > 0 ? given : ['test/!(keycloak|long)/**/*.test.ts'];
/** Tests of one file share a world, and every world is some ten processes. */
const concurrency = Math.max(1, Math.min(4, availableParallelism()));

if (process.env.USE_EXISTING_CLUSTER !== 'true')
  await resolveBinaries(process.env, { progress: process.stderr });
const flags = ['--test', `--test-concurrency=${concurrency}`, '--test-reporter=spec'];
const runner = spawn(process.execPath, [...flags, ...files], { cwd: ROOT, stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => runner.kill(signal));
const [code] = await once(runner, 'exit');
process.exitCode = code ?? 1;
