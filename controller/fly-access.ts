import type { DeliveryRecord } from '../src/binding/targets.ts';
import { FailureError } from '../src/failure.ts';
import type { FlyApp } from '../src/fly/fly-app.ts';
import { readCredential, valueAt } from './credential.ts';
import type { Run } from './run.ts';

/** An app, and where the API token for it is kept, in the namespace of the binding. */
type Access = Pick<DeliveryRecord['target'], 'app' | 'apiTokenRef'>;

/**
 * The app of a target, by the API token that the binding refers to.
 *
 * @throws FailureError `CredentialsMissing`
 */
export async function openApp(run: Run, { app, apiTokenRef }: Access): Promise<FlyApp> {
  const { name, key } = apiTokenRef;
  const ref = { namespace: run.binding.metadata.namespace, name };
  const credential = await readCredential(run.world.secrets, { ref, keys: [key] }, run.signal);
  return run.world.flyApp(app, valueAt(credential, key), apiTokenRef);
}

/**
 * The app of a delivery, to be written to. Before its first write with a version of the API token this process has a
 * look at that token: a wrong one is told before anything is written. Where Fly does not tell, the write will.
 *
 * @throws FailureError `CredentialsMissing`, `Unauthorized` or `AppNotFound`
 */
export async function openForWriting(run: Run, { name, target }: DeliveryRecord): Promise<FlyApp> {
  const { examinedTokens } = run.world.memory;
  const app = await openApp(run, target);
  const key = deliveryKey(run.key, name);
  const token = `${target.app} ${tokenVersion(run.progress.facts, target)}`;
  if (examinedTokens.get(key) === token) return app;
  const failure = await app.preflight(run.signal);
  if (failure) throw new FailureError(failure);
  examinedTokens.set(key, token);
  return app;
}

/** The API token of a target, by the Secret and key that it stands in and the version of that Secret. */
export function tokenVersion(
  { apiTokenVersions }: { readonly apiTokenVersions: Readonly<Record<string, string>> },
  { apiTokenRef: { name, key } }: Pick<Access, 'apiTokenRef'>,
): string {
  return `${name}/${key}@${apiTokenVersions[name] ?? 'absent'}`;
}

/** The name of a delivery in memory, by the key of its binding. */
export const deliveryKey = (key: string, delivery: string) => `${key}/${delivery}`;
