import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority } from '../../sandbox/pki.ts';
import { type RudeServer, startRudeServer } from '../../sandbox/rude-server.ts';
import type { World } from '../../sandbox/world.ts';

/** A rude server, and what makes a controller trust it besides the hosts of the world. */
export interface RudeProvider {
  readonly server: RudeServer;
  /** For `startController`. */
  readonly trust: readonly string[];
  stop(): Promise<void>;
}

/** @param canary as `startRudeServer` takes it */
export async function startRudeProvider(world: World, canary: string): Promise<RudeProvider> {
  const authority = await createAuthority('rude world');
  const directory = await mkdtemp(join(tmpdir(), 'rude-'));
  const caFile = join(directory, 'ca.pem');
  await writeFile(caFile, `${world.outside.caPem}\n${authority.certPem}`);
  const server = await startRudeServer({ authority, canary });
  return {
    server,
    trust: [`--ca-file=${caFile}`],
    stop: async () => {
      await server.stop();
      await rm(directory, { recursive: true });
    },
  };
}
