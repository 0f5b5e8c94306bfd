import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import type { SecretValue } from '../secret-value.ts';
import type { TlsMaterial } from './dispatchers.ts';

/** What makes a request ours: headers, and how the connection proves both sides. */
export interface Authentication {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
}

/** Reads the current credentials; token files and exec plugins are cached by the kubeconfig's own rules. */
export async function authenticate(kubeConfig: KubeConfig): Promise<Authentication> {
  const options: RequestOptions = { headers: {} };
  await kubeConfig.applyToHTTPSOptions(options);
  const headers = Object.entries(options.headers ?? {}).map(([name, value]) => [name, String(value)]);
  if (typeof options.auth === 'string') {
    headers.push(['Authorization', `Basic ${Buffer.from(options.auth).toString('base64')}`]);
  }
  const { ca, cert, key, rejectUnauthorized, servername } = options;
  const material = Object.entries({ ca, cert, key, rejectUnauthorized, servername });
  return {
    headers: Object.fromEntries(headers),
    tls: Object.fromEntries(material.filter(([, value]) => value !== undefined)),
  };
}

/** The bearer alone: no header, client certificate or impersonation of the kubeconfig; its trust stays. */
export async function authenticateAs(bearer: SecretValue, kubeConfig: KubeConfig): Promise<Authentication> {
  const { cert: _cert, key: _key, ...trust } = (await authenticate(kubeConfig)).tls;
  return { headers: { authorization: `Bearer ${bearer.reveal()}` }, tls: trust };
}

/**
 * The API server's URL without trailing slash.
 *
 * @throws Error for what this client does not do: no cluster, a proxy, plain http by accident
 */
export function serverOf(kubeConfig: KubeConfig): string {
  const cluster = kubeConfig.getCurrentCluster();
  if (cluster === null) throw new Error('kubeconfig: current-context names no cluster; set it');
  if (cluster.proxyUrl !== undefined) {
    throw new Error(`kubeconfig: proxy-url of cluster ${cluster.name} is not supported; remove it`);
  }
  if (!cluster.server.startsWith('https:') && !cluster.skipTLSVerify) {
    throw new Error(`kubeconfig: server of cluster ${cluster.name} must be an https URL`);
  }
  return cluster.server.replace(/\/+$/, '');
}
