import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.ts';
import { ProcessTree } from './process-tree.ts';

const MAIN = fileURLToPath(new URL('../../sandbox/main.ts', import.meta.url));
/** Values of the sandbox's own secrets begin so; and what a JWT and a Fly token look like. */
const CANARY = /canary-|eyJ[\w-]{10,}\.|fm2_/;

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'demo-'));
});
after(() => rm(directory, { recursive: true }));

/** A demo whose temporary files go into `directory`. */
interface Demo {
  readonly child: ChildProcess;
  readonly tree: ProcessTree;
  readonly code: Promise<number | null>;
  stdout(): string;
  stderr(): string;
}

function startDemo(...args: string[]): Demo {
  const env = { ...process.env, TMPDIR: directory };
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  return {
    child,
    tree: new ProcessTree(child.pid ?? 0),
    code: once(child, 'close').then(([code]) => code),
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
  };
}

/** Asserts that of its processes and files nothing is left, within the moment that a watchdog takes. */
async function assertGone({ tree }: Demo): Promise<void> {
  await eventually(`all gone: ${tree.alive().join('; ')}`, () => tree.alive().length === 0, 2000);
  await eventually('no file left', async () => (await readdir(directory)).length === 0, 2000);
  tree.stop();
}

test('it ends by itself after its refreshes, with a summary and code 0 since no call failed', async () => {
  const demo = startDemo('--refreshes=1', '--lifetime=30', '-o', 'json');
  assert.equal(await demo.code, 0, demo.stderr());
  const { mcpCalls, machinesRolled, worstLifeLeftSeconds, ...rest } = JSON.parse(demo.stdout());
  assert.deepEqual(
    { ending: rest.ending, refreshes: rest.refreshes, refused: rest.refused, failed: rest.failed },
    { ending: 'reached', refreshes: 1, refused: 0, failed: 0 },
  );
  assert.ok(mcpCalls > 20, `${mcpCalls} calls`);
  assert.ok(machinesRolled >= 4, `${machinesRolled} machines rolled`);
  assert.ok(worstLifeLeftSeconds > 0 && worstLifeLeftSeconds <= 30, `${worstLifeLeftSeconds} s left`);
  assert.match(demo.stderr(), /export KUBECONFIG=\S+/);
  assert.match(demo.stderr(), /token 2 \([0-9a-f]{8}\) issued, verified, stored in the Secret/);
  assert.match(demo.stderr(), /machine \d is well with token 2; others follow, at most 1 at a time/);
  assert.match(demo.stderr(), /machines 4 and 5 stay stopped; they will start with token 2/);
  assert.match(demo.stderr(), /it took \d+ s; token 1 had \d+ s left; \d+ calls, 0 refused/);
  assert.doesNotMatch(demo.stdout() + demo.stderr(), CANARY);
  assert.ok(demo.tree.hasSeen(/kube-apiserver/) && demo.tree.hasSeen(/mcp-app\/main\.ts/));
  await assertGone(demo);
});

test('Ctrl-C ends a demo without refreshes at once, with its summary and code 0', async () => {
  const demo = startDemo();
  await eventually('the first token', () => /the first token/.test(demo.stdout()), 60_000);
  demo.child.kill('SIGINT');
  assert.equal(await demo.code, 0, demo.stderr());
  assert.match(demo.stdout(), /ended +stopped by you/);
  assert.doesNotMatch(demo.stdout() + demo.stderr(), CANARY);
  await assertGone(demo);
});

for (const moment of [/starting kube-apiserver/, /starting issuer/, /installing the chart/]) {
  test(`Ctrl-C at "${moment.source}" ends it within seconds, with code 130 and nothing left`, async () => {
    const demo = startDemo();
    await eventually(moment.source, () => moment.test(demo.stderr()), 60_000);
    demo.child.kill('SIGINT');
    const since = performance.now();
    assert.equal(await demo.code, 130, demo.stderr());
    assert.ok(performance.now() - since < 10_000);
    await assertGone(demo);
  });
}

test('a demo that is killed leaves nothing behind either', async () => {
  const demo = startDemo();
  await eventually('the first token', () => /the first token/.test(demo.stdout()), 60_000);
  demo.child.kill('SIGKILL');
  await demo.code;
  await assertGone(demo);
});

test('a controller that dies ends it with code 1 and the last lines of its log', async () => {
  const demo = startDemo();
  await eventually('the first token', () => /the first token/.test(demo.stdout()), 60_000);
  const [controller] = demo.tree.alive().filter((line) => line.includes('controller/main.ts'));
  process.kill(Number.parseInt(controller ?? '', 10), 'SIGKILL');
  assert.equal(await demo.code, 1);
  assert.match(demo.stderr(), /The controller ended by itself \(SIGKILL\)\. Its last lines:\n\{"level"/);
  await assertGone(demo);
});

test('out of time it ends with code 1', async () => {
  const demo = startDemo('--refreshes=1', '--timeout=1');
  assert.equal(await demo.code, 1);
  assert.match(demo.stdout(), /ended +out of time/);
  await assertGone(demo);
});

test('arguments that cannot be used end it with code 2 and say what to write', async () => {
  const demo = startDemo('--lifetime=1');
  assert.equal(await demo.code, 2);
  assert.match(demo.stderr(), /Write a whole number from 30 to 3600/);
  await assertGone(demo);
});
