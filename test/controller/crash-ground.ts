import { type Issuer, startIssuer } from '../../sandbox/issuer/issuer.ts';
import { type Authority, createAuthority } from '../../sandbox/pki.ts';
import { type LiveCluster, startLiveCluster } from '../kubernetes/live-cluster.ts';

export const AUDIENCE = 'https://api.acme.dev';
/** Long enough that no renewal is due however far the time is shifted. */
const LIFETIME_SECONDS = 24 * 3600;

/** A cluster and an issuer for many sites. */
export interface Ground {
  readonly cluster: LiveCluster;
  readonly issuer: Issuer;
  readonly authority: Authority;
  stop(): Promise<void>;
}

/** @param namespaces each with its own client of the issuer, of the same name */
export async function prepareGround(namespaces: readonly string[]): Promise<Ground> {
  const authority = await createAuthority('test');
  const issuer = await startIssuer({
    authority,
    clients: namespaces.map((id) => ({ id, secret: `secret-of-${id}` })),
    audiences: [AUDIENCE],
    tokenLifetimeSeconds: LIFETIME_SECONDS,
  });
  const cluster = await startLiveCluster();
  const stop = async () => {
    await cluster.stop();
    await issuer.stop();
  };
  return { cluster, issuer, authority, stop };
}
