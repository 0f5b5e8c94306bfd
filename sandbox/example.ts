import { readFile } from 'node:fs/promises';
import type { KubernetesObject } from '@kubernetes/client-node';
import { parseObjects } from './cluster-objects.ts';

const EXAMPLES = new URL('../examples/', import.meta.url);

/** What must differ from the example in a world of our own. */
export interface ExampleSetting {
  readonly domain: string;
  readonly audience: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** App on Fly, and a token that may manage it. */
  readonly app: string;
  readonly apiToken: string;
}

interface Credential extends KubernetesObject {
  stringData: Record<string, string>;
}

export interface BindingExample extends KubernetesObject {
  spec: {
    source: { auth0: { domain: string; audience: string } };
    deliveries?: { fly: { app: string; rollout?: object; reload?: { path: string } } }[];
  };
}

/** The credentials of `examples/credentials.yaml`, with real values in place of the placeholders. */
export async function exampleCredentials(setting: ExampleSetting): Promise<Credential[]> {
  const values: Readonly<Record<string, Record<string, string>>> = {
    'toolbridge-m2m': { client_id: setting.clientId, client_secret: setting.clientSecret },
    'fly-deploy': { token: setting.apiToken },
  };
  const secrets = (await read('credentials.yaml')) as Credential[];
  return secrets.map((secret) => ({ ...secret, stringData: values[secret.metadata?.name ?? ''] ?? {} }));
}

/** A TokenBinding of `examples/`, pointed at the issuer, the API and the app of the setting. */
export async function exampleBinding(
  setting: ExampleSetting,
  file: 'tokenbinding.yaml' | 'secret-only.yaml' = 'tokenbinding.yaml',
): Promise<BindingExample> {
  const [binding] = (await read(file)) as BindingExample[];
  if (!binding) throw new Error(`examples/${file} holds no object`);
  Object.assign(binding.spec.source.auth0, { domain: setting.domain, audience: setting.audience });
  for (const { fly } of binding.spec.deliveries ?? []) fly.app = setting.app;
  return binding;
}

async function read(file: string): Promise<KubernetesObject[]> {
  return parseObjects(await readFile(new URL(file, EXAMPLES), 'utf8'));
}
