import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Api, startApi } from './api/api.ts';
import { consumerCommand, deployConsumer } from './consumer.ts';
import { type Fly, startFly } from './fly/fly.ts';
import type { IssuerClient } from './issuer/client-registry.ts';
import { type Issuer, startIssuer } from './issuer/issuer.ts';
import { type Authority, createAuthority } from './pki.ts';

export interface OutsideOptions {
  /** Exists; takes the authority's certificate. */
  readonly directory: string;
  /** Seconds, from 1. */
  readonly tokenLifetimeSeconds: number;
  /** Of the app on Fly. */
  readonly machines: number;
  /** Clients of the issuer besides the one of the example. */
  readonly clients: readonly IssuerClient[];
  /** Audiences of the issuer besides the one of the example; absolute URIs. */
  readonly audiences: readonly string[];
  /** Whether Fly's published rate limits hold. */
  readonly rateLimit: boolean;
}

/** All that is not Kubernetes: the issuer, the API that the tokens are for, and Fly with the consumer's app. */
export interface Outside {
  readonly issuer: Issuer;
  readonly api: Api;
  readonly fly: Fly;
  /** Name of the app on Fly, from `fly.toml`. */
  readonly app: string;
  readonly audience: string;
  /** The issuer's client of the example. */
  readonly client: IssuerClient;
  /** The authority behind every URL here, and its certificate: path of a PEM file, and its text. */
  readonly authority: Authority;
  readonly caFile: string;
  readonly caPem: string;
  /** Values that must never be printed. */
  readonly secrets: readonly string[];
}

const AUDIENCE = 'https://api.acme.dev';
/** All secrets of the sandbox begin with this, so that one search finds a leak. */
const CANARY = 'canary';

/** Starts everything; what has started is handed to `stack`. */
export async function startOutside(stack: AsyncDisposableStack, options: OutsideOptions): Promise<Outside> {
  const authority = await createAuthority('sandbox');
  const { certPem: caPem } = authority;
  const caFile = join(options.directory, 'ca.pem');
  await writeFile(caFile, caPem);
  const client = { id: 'toolbridge', secret: secret('client') };
  const tenantHeaderSecret = secret('tenant');
  const issuer = await startIssuer({
    authority,
    clients: [client, ...options.clients],
    audiences: [AUDIENCE, ...options.audiences],
    tokenLifetimeSeconds: options.tokenLifetimeSeconds,
  });
  stack.defer(() => issuer.stop());
  const { url, jwksUrl } = issuer;
  const api = await startApi({
    ...{ authority, issuer: url, jwksUrl, caPem, tenantHeaderSecret },
    audience: AUDIENCE,
  });
  stack.defer(() => api.stop());
  const machineCommand = consumerCommand(caFile);
  const fly = await startFly({ authority, machineCommand, rateLimit: options.rateLimit });
  stack.defer(() => fly.stop());
  const { machines } = options;
  const app = await deployConsumer(fly, { caPem, apiUrl: api.url, tenantHeaderSecret, machines });
  const secrets = [client.secret, tenantHeaderSecret, fly.deployToken(app)];
  return { issuer, api, fly, app, audience: AUDIENCE, client, authority, caFile, caPem, secrets };
}

function secret(purpose: string): string {
  return `${CANARY}-${purpose}-${randomBytes(16).toString('hex')}`;
}
