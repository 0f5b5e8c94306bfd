import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'smol-toml';
import type { Fly, FlyOptions } from './fly/fly.ts';
import { createTrustingFetch } from './trusting-fetch.ts';

/** The part of `fly.toml` that shapes a machine. */
interface FlyToml {
  readonly app: string;
  readonly kill_signal: string;
  readonly kill_timeout: string;
  readonly env: Readonly<Record<string, string>>;
  readonly http_service: {
    readonly internal_port: number;
    readonly checks: readonly Readonly<Record<string, string>>[];
  };
}

const FLY_TOML = new URL('../fly.toml', import.meta.url);
const PROGRAM = fileURLToPath(new URL('mcp-app/main.ts', import.meta.url));
/** A demo cannot wait as long as a platform may. */
const CHECK_INTERVAL = '1s';

/**
 * Every machine runs the MCP server; its image trusts the sandbox's authority and has a directory for the token.
 *
 * @param caFile path, PEM
 */
export function consumerCommand(caFile: string): FlyOptions['machineCommand'] {
  return ({ env, locate }) => {
    const tokenFile = locate(env.TOKEN_FILE ?? '/token');
    mkdirSync(dirname(tokenFile), { recursive: true, mode: 0o700 });
    return {
      command: process.execPath,
      args: [PROGRAM],
      env: { ...env, NODE_EXTRA_CA_CERTS: caFile, TOKEN_FILE: tokenFile },
    };
  };
}

export interface ConsumerOptions {
  readonly caPem: string;
  /** Of the API that the consumer calls with the token. */
  readonly apiUrl: string;
  readonly tenantHeaderSecret: string;
  readonly machines: number;
}

/**
 * Deploys the consumer as `fly deploy` would from `fly.toml`, but for the API's URL and shorter check intervals.
 * The machines run without a token until one is delivered.
 *
 * @returns the name of the app
 */
export async function deployConsumer(fly: Fly, options: ConsumerOptions): Promise<string> {
  const toml = parse(await readFile(FLY_TOML, 'utf8')) as unknown as FlyToml;
  const { app } = toml;
  await fly.createApp({ name: app });
  await setSecret(fly, app, options);
  const config = machineConfig(toml, options.apiUrl);
  for (let count = 0; count < options.machines; count++) {
    await fly.addMachine(app, { config, state: 'started' });
  }
  return app;
}

function machineConfig({ app, kill_signal, kill_timeout, env, http_service }: FlyToml, apiUrl: string) {
  const { internal_port, checks } = http_service;
  const ports = [{ port: 443, handlers: ['tls', 'http'] }];
  return {
    image: `registry.fly.io/${app}:sandbox`,
    env: { ...env, TOOLBRIDGE_API_URL: apiUrl },
    metadata: { fly_platform_version: 'v2', fly_process_group: 'app' },
    services: [
      {
        ...{ protocol: 'tcp', internal_port, ports },
        checks: checks.map((check) => ({ type: 'http', ...check, interval: CHECK_INTERVAL })),
      },
    ],
    stop_config: { signal: kill_signal, timeout: kill_timeout },
  };
}

/** `fly secrets set`. */
async function setSecret(
  fly: Fly,
  app: string,
  { caPem, tenantHeaderSecret }: ConsumerOptions,
): Promise<void> {
  const trusting = createTrustingFetch(caPem);
  try {
    const { status } = await trusting.fetch(`${fly.apiUrl}/v1/apps/${app}/secrets/TENANT_HEADER_SECRET`, {
      method: 'POST',
      headers: { authorization: fly.deployToken(app), 'content-type': 'application/json' },
      body: JSON.stringify({ value: tenantHeaderSecret }),
    });
    if (status !== 201) throw new Error(`setting the app's secret failed: HTTP ${status}`);
  } finally {
    await trusting.close();
  }
}
