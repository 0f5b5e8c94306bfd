import { writeFile } from 'node:fs/promises';
import type { KeyPair } from '../pki.ts';

/** The `cluster` entry of a kubeconfig: `server`, `certificate-authority-data` and whatever else it says. */
export type ClusterEntry = Readonly<Record<string, unknown>>;

export interface KubeconfigOptions {
  readonly cluster: ClusterEntry;
  readonly user: { readonly token: string } | KeyPair;
  readonly namespace?: string;
}

/** @param caPem authority that signed the server's certificate */
export function clusterEntry(url: string, caPem: string): ClusterEntry {
  return { server: url, 'certificate-authority-data': base64(caPem) };
}

/** Writes a kubeconfig with one context, readable by us only. It is JSON, which every YAML reader takes. */
export async function writeKubeconfig(path: string, options: KubeconfigOptions): Promise<string> {
  const name = 'sandbox';
  const context = { cluster: name, user: name, ...(options.namespace && { namespace: options.namespace }) };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: options.cluster }],
    users: [{ name, user: credentials(options.user) }],
    contexts: [{ name, context }],
    'current-context': name,
  };
  await writeFile(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  return path;
}

function credentials(user: KubeconfigOptions['user']) {
  if ('token' in user) return { token: user.token };
  return {
    'client-certificate-data': base64(user.certPem),
    'client-key-data': base64(user.keyPem),
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
