import { MACHINES_UP } from '../fleet.ts';
import { happeningLine } from '../view/frame.ts';
import type { Happening } from '../view/journal.ts';
import { paintFor } from '../view/paint.ts';
import { EXIT } from '../view/summary.ts';
import { startWorld } from '../world.ts';
import { runSoak } from './soak.ts';
import { parseSoak, type SoakOptions } from './soak-options.ts';
import { brokenPromises, resultLines, type SoakResult } from './soak-result.ts';

/** On top of the lives of all tokens: a start on a slow machine, and a rollout that has to wait. */
const SLACK_SECONDS = 180;

const { env, stdout, stderr } = process;
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());
process.exit(await main());

async function main(): Promise<number> {
  const parsed = parseSoak(process.argv.slice(2));
  if (parsed.kind !== 'run') {
    (parsed.kind === 'help' ? stdout : stderr).write(parsed.text);
    return parsed.kind === 'help' ? EXIT.ok : EXIT.usage;
  }
  try {
    const result = await soak(parsed.options);
    stdout.write(`\n${resultLines(result).join('\n')}\n`);
    if (result.ending === 'interrupted') return EXIT.interrupted;
    return brokenPromises(result).length === 0 ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (stopping.signal.aborted) return EXIT.interrupted;
    stderr.write(`${error instanceof Error ? error.message : error}\n`);
    return EXIT.failed;
  }
}

async function soak({ strategy, refreshes, lifetime, pause: pauseMs }: SoakOptions): Promise<SoakResult> {
  const { signal } = stopping;
  const world = await startWorld({
    ...{ env, progress: stderr, signal },
    ...{ tokenLifetimeSeconds: lifetime, machines: MACHINES_UP },
  });
  const timeoutMs = ((refreshes + 1) * lifetime + SLACK_SECONDS) * 1000;
  try {
    return await runSoak({ world, strategy, refreshes, pauseMs, timeoutMs, signal, onNews: tell });
  } finally {
    await world.stop();
  }
}

function tell(news: Happening): void {
  stdout.write(`${happeningLine(news, paintFor(stdout.isTTY === true && !env.NO_COLOR))}\n`);
}
