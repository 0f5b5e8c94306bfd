import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { KubeConfig } from '@kubernetes/client-node';
import { pino } from 'pino';
import manifest from '../package.json' with { type: 'json' };
import { systemClock } from '../src/clock.ts';
import { type Config, parseConfig } from './config.ts';
import { Controller } from './controller.ts';
import { createLogger, type Logger } from './log.ts';
import { createMetrics } from './metrics.ts';
import { startServer } from './server.ts';

/** Exit codes: 0 asked to stop, 1 it cannot go on (the log says why), 2 flags that cannot be used. */
const OK = 0;
const FAILED = 1;
const USAGE = 2;

async function main(): Promise<number> {
  const { version } = manifest;
  const self = { version, hostname: hostname(), uuid: randomUUID(), env: process.env };
  const parsed = parseConfig(process.argv.slice(2), self);
  if (parsed.kind === 'invalid') {
    for (const fault of parsed.faults) console.error(`tokenbinding-controller: ${fault}`);
    console.error('Try --help.');
    return USAGE;
  }
  if (parsed.kind !== 'run') {
    console.log(parsed.text.trimEnd());
    return OK;
  }
  const { config } = parsed;
  const log = createLogger({ level: config.logLevel, clock: systemClock, destination: pino.destination(1) });
  try {
    return await start(config, log);
  } catch (error) {
    log.fatal({ err: error }, 'the controller cannot go on');
    return FAILED;
  }
}

async function start(config: Config, log: Logger): Promise<number> {
  const { version } = manifest;
  const metrics = createMetrics({ version });
  const controller = new Controller({
    ...{ config, kubeConfig: loadKubeConfig(config), version, log, metrics },
    ca: config.caFile === undefined ? [] : [readFileSync(config.caFile, 'utf8')],
    ...{ clock: systemClock, random: Math.random },
  });
  const server = await startServer({
    ...config.metricsAddress,
    metrics: metrics.registry,
    health: { workers: () => !controller.isStuck },
    readiness: { caches: () => controller.isReady },
  });
  log.info({ ...server.address, version, identity: config.leaderElection.identity }, 'listening');
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info({ signal }, 'stopping');
      stopping.abort();
    });
  }
  try {
    await controller.run(stopping.signal);
    return OK;
  } finally {
    await server.close();
  }
}

function loadKubeConfig({ kubeconfig }: Config): KubeConfig {
  const kubeConfig = new KubeConfig();
  if (kubeconfig === undefined) kubeConfig.loadFromCluster();
  else kubeConfig.loadFromFile(kubeconfig);
  return kubeConfig;
}

process.exitCode = await main();
// Sockets of calls that were broken off may linger; nothing is left to do.
process.exit();
