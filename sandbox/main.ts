import { dirname } from 'node:path';
import { resolveBinaries } from './control-plane/index.ts';
import { DEMO_BINDING, DEMO_NAMESPACE, type DemoResult, deployDemo, runDemo } from './demo.ts';
import { type DemoOptions, parseDemo } from './demo-options.ts';
import { demoScene } from './demo-scene.ts';
import { addResting, MACHINES_UP, rollBy } from './fleet.ts';
import { paintFor } from './view/paint.ts';
import { EXIT, exitCodeOf, summaryLines, summaryOf } from './view/summary.ts';
import { liveView, type Output, plainView, type View } from './view/view.ts';
import { startWorld, type World } from './world.ts';

/** After the first signal; then whatever is left falls to the watchdogs. */
const STOP_DEADLINE_MS = 15_000;
/** Machines of the demo's app besides those that are up and a standby. */
const STOPPED = 1;
/** `rollout.machineTimeout`, the least there is, so that a bad token is found out while somebody watches. */
const MACHINE_TIMEOUT = '10s';
/** A terminal and npm may both pass on the same Ctrl-C. */
const SAME_SIGNAL_MS = 500;

const { env, stdout, stderr } = process;
const stopping = new AbortController();
let interruptedAt = 0;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
process.exit(await main());

function interrupt(): void {
  if (stopping.signal.aborted) {
    if (performance.now() - interruptedAt > SAME_SIGNAL_MS) process.exit(EXIT.interrupted);
    return;
  }
  interruptedAt = performance.now();
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
    ...{ tokenLifetimeSeconds: options.lifetime, machines: MACHINES_UP },
  });
  let result: DemoResult;
  try {
    const { refreshes, timeout, badToken, strategy } = options;
    await addResting(world, STOPPED);
    const more = badToken ? { machineTimeout: MACHINE_TIMEOUT } : {};
    const controller = await deployDemo(world, signal, (binding) => rollBy(binding, strategy, more));
    await showHints(world, options);
    result = await runDemo({
      ...{ world, controller, view: viewFor(options), signal },
      ...{ refreshes, timeout, badToken },
    });
  } finally {
    await world.stop();
  }
  return report(result, options);
}

function streamFor({ output }: DemoOptions): Output {
  return output === 'json' ? stderr : stdout;
}

function viewFor(options: DemoOptions): View {
  const stream = streamFor(options);
  const isLive = stream.isTTY === true && env.TERM !== 'dumb';
  const paint = paintFor(isLive && !env.NO_COLOR);
  return isLive ? liveView(stream, paint) : plainView(stream, paint);
}

/** Above the view, so that a narrow terminal wraps these lines instead of cutting them. */
async function showHints({ cluster }: World, options: DemoOptions): Promise<void> {
  const { kubectl } = await resolveBinaries(env, { progress: stderr, only: ['kubectl'] });
  const hints = [
    'Try in another terminal:',
    `export KUBECONFIG=${cluster.adminKubeconfig}`,
    // The user's own kubectl, if any, goes before ours.
    `export PATH="${dirname(kubectl)}:$PATH"`,
    `kubectl get tb -n ${DEMO_NAMESPACE} --watch`,
    `kubectl describe tb -n ${DEMO_NAMESPACE} ${DEMO_BINDING}`,
    `kubectl events -n ${DEMO_NAMESPACE} --watch`,
  ];
  const scene = demoScene(options).join('\n');
  streamFor(options).write(`\n${hints.join('\n  ')}\n\n${scene}\n\n`);
}

function report({ outcome, lastWords }: DemoResult, { output }: DemoOptions): number {
  const summary = summaryOf(outcome);
  if (lastWords !== undefined) stderr.write(`\n${lastWords}\n`);
  const text = output === 'json' ? JSON.stringify(summary, null, 2) : `\n${summaryLines(summary).join('\n')}`;
  stdout.write(`${text}\n`);
  return exitCodeOf(summary);
}
