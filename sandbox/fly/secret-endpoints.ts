import { refusal } from './api-error.ts';
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
  appRoute('GET /secrets/:secret', 'getSecret', ({ app, secretName }) => {
    const record = app.vault.record(secretName);
    if (!record) throw refusal(404, 'not_found: secret not found');
    return { status: 200, body: record };
  }),
  appRoute('POST /secrets/:secret', 'setSecret', setSecret),
  appRoute('DELETE /secrets/:secret', 'deleteSecret', ({ app, secretName, nowMs }) => {
    return { status: 200, body: versions(app.vault.write({ [secretName]: null }, nowMs)) };
  }),
];

function setSecret({ app, secretName, body, nowMs, requestId }: AppCall): Reply {
  requireName(secretName, requestId);
  if (typeof body.value !== 'string') throw refusal(400, 'invalid_argument: value must be a string');
  const version = app.vault.write({ [secretName]: body.value }, nowMs);
  return { status: 201, body: { ...app.vault.record(secretName), ...versions(version) } };
}

function updateSecrets({ app, body, nowMs, requestId }: AppCall): Reply {
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
  return { status: 200, body: { secrets: app.vault.records(), ...versions(version) } };
}

/** Echoes the bad name, as Fly does: a client that logs this message may log a secret pasted as a name. */
function requireName(name: string, requestId: string): void {
  if (!SECRET_NAME.test(name)) {
    throw refusal(400, `invalid_argument: invalid secret name "${name}" (request ID ${requestId})`);
  }
}

/** `Version` is the deprecated spelling, still sent. */
function versions(version: number): { version: number; Version: number } {
  return { version, Version: version };
}
