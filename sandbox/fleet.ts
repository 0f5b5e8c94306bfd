import type { BindingExample } from './example.ts';
import type { World } from './world.ts';

/** How machines that run are brought to a new token (`rollout.strategy`). */
export const STRATEGIES = ['Rolling', 'Reload'] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** Machines of the world at the start, where a rollout is to be seen; those at rest are added. */
export const MACHINES_UP = 3;

/** Where the consumer looks for its token (fly.toml, TOKEN_FILE). */
const TOKEN_PATH = '/var/lib/mcp-app/token';

/** Adds stopped machines and a standby to the app, in the image of its first machine. @returns their ids */
export async function addResting({ outside: { fly, app } }: World, stopped: number): Promise<string[]> {
  const [first] = fly.machines(app);
  if (!first) throw new Error('the app has no machine to be like');
  const { id, config } = first;
  const configs = [...Array.from({ length: stopped }, () => config), { ...config, standbys: [id] }];
  return Promise.all(configs.map((each) => fly.addMachine(app, { config: each, state: 'stopped' })));
}

/** Sets the strategy, of Rolling with one machine at a time, and further settings of the rollout. */
export function rollBy({ spec }: BindingExample, strategy: Strategy, more: object = {}): void {
  for (const { fly } of spec.deliveries ?? []) {
    fly.rollout = { strategy, ...(strategy === 'Rolling' && { maxUnavailable: 1 }), ...more };
    if (strategy === 'Reload') fly.reload = { path: TOKEN_PATH };
  }
}
