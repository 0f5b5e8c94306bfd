import { dirname } from 'node:path';
import { resolveBinaries } from './control-plane/index.ts';
import { DEMO_BINDING, DEMO_NAMESPACE, type DemoResult, runDemo } from './demo.ts';
import { type DemoOptions, parseDemo } from './demo-options.ts';
import { EXIT, exitCodeOf, summaryLines, summaryOf } from './view/summary.ts';
import { liveView, paintFor, plainView, type View } from './view/view.ts';
import { startWorld, type World } from './world.ts';

/** After the first signal; then whatever is left falls to the watchdogs. */
const STOP_DEADLINE_MS = 15_000;

const { env, stdout, stderr } = process;
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
process.exit(await main());

function interrupt(): void {
  if (stopping.signal.aborted) process.exit(EXIT.interrupted);
  stderr.write('\nstopping (once more to leave at once)\n');
  stopping.abort();
  setTimeout(() => process.exit(EXIT.interrupted), STOP_DEADLINE_MS);
}

async function main(): Promise<number> {
  const parsed = parseDemo(process.argv.slice(2));
  if (parsed.kind !== 'run') {
    (parsed.kind === 'help' ? stdout : stderr).write(parsed.text);
    return parsed.kind === 'help' ? EXIT.ok : EXIT.usage;
  }
  try {
    return await demonstrate(parsed.options);
  } catch (error) {
    if (stopping.signal.aborted) return EXIT.interrupted;
    stderr.write(`${error instanceof Error ? error.message : error}\n`);
    return EXIT.failed;
  }
}

async function demonstrate(options: DemoOptions): Promise<number> {
  const { signal } = stopping;
  const world = await startWorld({
    ...{ env, progress: stderr, signal },
    tokenLifetimeSeconds: options.lifetime,
  });
  let result: DemoResult;
  try {
    const { refreshes, timeout } = options;
    const hints = await hintsFor(world);
    result = await runDemo({ world, view: viewFor(options), signal, refreshes, timeout, hints });
  } finally {
    await world.stop();
  }
  return report(result, options);
}

function viewFor({ output }: DemoOptions): View {
  const stream = output === 'json' ? stderr : stdout;
  const isLive = stream.isTTY === true && env.TERM !== 'dumb';
  const paint = paintFor(isLive && !env.NO_COLOR);
  return isLive ? liveView(stream, paint) : plainView(stream, paint);
}

/** The user's own kubectl, if any, goes before ours. */
async function hintsFor({ cluster }: World): Promise<string[]> {
  const { kubectl } = await resolveBinaries(env, { progress: stderr, only: ['kubectl'] });
  return [
    `export KUBECONFIG=${cluster.adminKubeconfig} PATH="$PATH:${dirname(kubectl)}"`,
    `kubectl get tb -n ${DEMO_NAMESPACE} --watch`,
    `kubectl describe tb -n ${DEMO_NAMESPACE} ${DEMO_BINDING}`,
    `kubectl events -n ${DEMO_NAMESPACE} --watch`,
  ];
}

function report({ outcome, lastWords }: DemoResult, { output }: DemoOptions): number {
  const summary = summaryOf(outcome);
  if (lastWords !== undefined) stderr.write(`\nThe controller's last lines:\n${lastWords}\n`);
  const text = output === 'json' ? JSON.stringify(summary, null, 2) : `\n${summaryLines(summary).join('\n')}`;
  stdout.write(`${text}\n`);
  return exitCodeOf(summary);
}
