import { refusal } from './api-error.ts';
import type { Behaviour } from './behaviour.ts';
import { isRecord } from './machine-config.ts';
import { type AppCall, appRoute, type Reply, type Route } from './route.ts';

const SECRET_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The app secrets endpoints. Values go in and never come out: the caller is not a machine of the app. */
export const secretRoutes: readonly Route[] = [
  appRoute('GET /secrets', 'listSecrets', ({ app }) => ({
    status: 200,
    body: { secrets: app.vault.records() },
  })),
  appRoute('POST /secrets', 'updateSecrets', updateSecrets),
  appRoute('GET /secrets/:key', 'getSecret', ({ app, key }) => {
    const record = app.vault.record(key);
    if (!record) throw refusal(404, 'not_found: secret not found');
    return { status: 200, body: record };
  }),
  appRoute('POST /secrets/:key', 'setSecret', setSecret),
  appRoute('DELETE /secrets/:key', 'deleteSecret', ({ app, key, nowMs, behaviour }) => {
    return { status: 200, body: versions(app.vault.write({ [key]: null }, nowMs), behaviour) };
  }),
];

function setSecret({ app, key, body, nowMs, requestId, behaviour }: AppCall): Reply {
  requireName(key, requestId);
  if (typeof body.value !== 'string') throw refusal(400, 'invalid_argument: value must be a string');
  const version = app.vault.write({ [key]: body.value }, nowMs);
  return { status: 201, body: { ...app.vault.record(key), ...versions(version, behaviour) } };
}

function updateSecrets({ app, body, nowMs, requestId, behaviour }: AppCall): Reply {
  if (!isRecord(body.values)) throw refusal(400, 'invalid_argument: values must be an object');
  const changes: Record<string, string | null> = {};
  for (const [name, value] of Object.entries(body.values)) {
    requireName(name, requestId);
    if (value !== null && typeof value !== 'string') {
      throw refusal(400, 'invalid_argument: each value must be a string or null');
    }
    changes[name] = value;
  }
  const version = app.vault.write(changes, nowMs);
  return { status: 200, body: { secrets: app.vault.records(), ...versions(version, behaviour) } };
}

/** Echoes the bad name, as Fly does: a client that logs this message may log a secret pasted as a name. */
function requireName(name: string, requestId: string): void {
  if (!SECRET_NAME.test(name)) {
    throw refusal(400, `invalid_argument: invalid secret name "${name}" (request ID ${requestId})`);
  }
}

/** `Version` is the deprecated name, sent alone once and beside `version` now. */
function versions(version: number, { versionSpelling }: Behaviour): { version?: number; Version?: number } {
  return {
    ...(versionSpelling !== 'deprecated' && { version }),
    ...(versionSpelling !== 'current' && { Version: version }),
  };
}
