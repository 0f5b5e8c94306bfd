import type { MachinesApi, SecretsVersion } from '@fly/machines-api';
import type { SecretValue } from '../secret-value.ts';
import { answerTo, MachinesApiError } from './api-call.ts';
import { object } from './json-shape.ts';

/** What a write of a secret answered. */
export interface WrittenSecret {
  /** Counts the writes of the whole app: contains this write and every earlier one. An integer > 0. */
  readonly secretsVersion: number;
  /** Fly's opaque digest of the value: to be compared with later ones of the same name, never computed. */
  readonly digest: string;
}

/** A secret as Fly lists it: its value stays there. */
export interface ListedSecret {
  readonly name: string;
  /** As in `WrittenSecret`. */
  readonly digest: string;
}

/**
 * The secrets of an app.
 *
 * @throws {MachinesApiError} also for an answer with one entry that cannot be read: a secret that is there must
 *   not be taken for one that is not
 */
export async function listSecrets(
  api: MachinesApi,
  app: string,
  signal?: AbortSignal,
): Promise<readonly ListedSecret[]> {
  const action = 'list its secrets';
  const call = api.GET('/apps/{app_name}/secrets', {
    params: { path: { app_name: app } },
    ...(signal && { signal }),
  });
  const { body, requestId } = await answerTo(action, call, signal);
  // A list of none is `null` in Go's JSON.
  const secrets = body?.secrets === null ? [] : body?.secrets;
  if (Array.isArray(secrets) && secrets.every(isListed)) return secrets;
  throw new MachinesApiError(action, { kind: 'unreadable' }, requestId);
}

function isListed(entry: unknown): entry is ListedSecret {
  const { name, digest } = object(entry);
  return typeof name === 'string' && typeof digest === 'string' && digest !== '';
}

/** Sets one secret of an app. Running machines keep the old value until they get a new version. */
export async function setSecret(
  api: MachinesApi,
  secret: { readonly app: string; readonly name: string; readonly value: SecretValue },
  signal?: AbortSignal,
): Promise<WrittenSecret> {
  const { app, name, value } = secret;
  const { body, requestId } = await answerTo(
    `set the secret ${name}`,
    api.POST('/apps/{app_name}/secrets/{secret_name}', {
      params: { path: { app_name: app, secret_name: name } },
      body: { value: value.reveal() },
      ...(signal && { signal }),
    }),
    signal,
  );
  const secretsVersion = versionIn(body);
  const digest = body?.digest;
  if (secretsVersion === undefined || typeof digest !== 'string') {
    throw new MachinesApiError(`set the secret ${name}`, { kind: 'unreadable' }, requestId);
  }
  return { secretsVersion, digest };
}

/**
 * Unsets one secret of an app; one that is not set is no error. In bulk, because a 404 of the bulk endpoint
 * can only mean the app.
 */
export async function unsetSecret(
  api: MachinesApi,
  secret: { readonly app: string; readonly name: string },
  signal?: AbortSignal,
): Promise<{ secretsVersion: number }> {
  const { body, requestId } = await answerTo(
    `unset the secret ${secret.name}`,
    api.POST('/apps/{app_name}/secrets', {
      params: { path: { app_name: secret.app } },
      body: { values: { [secret.name]: null } },
      ...(signal && { signal }),
    }),
    signal,
  );
  const secretsVersion = versionIn(body);
  if (secretsVersion === undefined) {
    throw new MachinesApiError(`unset the secret ${secret.name}`, { kind: 'unreadable' }, requestId);
  }
  return { secretsVersion };
}

/** Without a version there is no floor for the machines, and a floor of 0 would be none. */
function versionIn(body: SecretsVersion | undefined): number | undefined {
  const version = body?.version ?? body?.Version;
  return Number.isSafeInteger(version) && Number(version) > 0 ? Number(version) : undefined;
}
