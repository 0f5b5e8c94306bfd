import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { MACHINES_UP, type Strategy } from '../../sandbox/fleet.ts';
import { runSoak } from '../../sandbox/soak/soak.ts';
import { brokenPromises, resultLines, type SoakResult } from '../../sandbox/soak/soak-result.ts';
import { startWorld } from '../../sandbox/world.ts';

/** Seconds. Far shorter than anybody's tokens: no delivery may take longer than half of it. */
const LIFETIME = 30;
const REFRESHES = 5;
const TIMEOUT_MS = 200_000;
/** One call after the other would leave the rest of the suite no processor. */
const PAUSE_MS = 100;
const SHOWN_NEWS = 40;

/** @param t is told how it went */
async function soak(t: TestContext, strategy: Strategy): Promise<SoakResult> {
  const news: string[] = [];
  const world = await startWorld({
    ...{ env: process.env, progress: { write: () => true } },
    ...{ tokenLifetimeSeconds: LIFETIME, machines: MACHINES_UP },
  });
  try {
    const result = await runSoak({
      ...{
        world,
        strategy,
        refreshes: REFRESHES,
        pauseMs: PAUSE_MS,
        timeoutMs: TIMEOUT_MS,
        signal: t.signal,
      },
      onNews: ({ at, text }) => news.push(`${new Date(at).toISOString()} ${text}`),
    });
    const isKept = brokenPromises(result).length === 0;
    for (const line of [...(isKept ? [] : news.slice(-SHOWN_NEWS)), ...resultLines(result)])
      t.diagnostic(line);
    return result;
  } finally {
    await world.stop();
  }
}

describe('while a token is renewed five times, twenty MCP clients that call without pause', () => {
  it('see no refused token and no more than one machine down, with Rolling', async (t) => {
    const result = await soak(t, 'Rolling');
    assert.deepEqual(brokenPromises(result), []);
    assert.ok((result.seen?.restarts ?? 0) >= REFRESHES * MACHINES_UP, 'every process was replaced');
  });

  it('see no session, stream, call or process end, with Reload', async (t) => {
    assert.deepEqual(brokenPromises(await soak(t, 'Reload')), []);
  });
});
