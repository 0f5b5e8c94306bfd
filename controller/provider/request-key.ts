import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import type { ClientAuthentication } from '../../src/oauth/client-authentication.ts';
import type { TokenRequest } from '../../src/oauth/token-request.ts';

/** New in each process: keys cannot be compared outside, nor credentials guessed from them. */
const PROCESS_KEY = createSecretKey(randomBytes(32));

/**
 * Equal for two requests of one namespace that ask for the same with the same credential. The credential is
 * part of it, so that who only names a client never gets a token that another's credential earned.
 *
 * @returns HMAC-SHA256, base64url
 */
export function requestKey(namespace: string, { source, client, assumedLifetimeMs }: TokenRequest): string {
  const { parameters, scopes, ...where } = source;
  const about = [
    namespace,
    sorted(where),
    sorted(parameters),
    [...scopes].sort(),
    assumedLifetimeMs ?? null,
    ...credentialOf(client),
  ];
  return createHmac('sha256', PROCESS_KEY).update(JSON.stringify(about)).digest('base64url');
}

function credentialOf(client: ClientAuthentication): readonly unknown[] {
  switch (client.type) {
    case 'ClientSecret': {
      const { clientSecret, ...method } = client;
      return [sorted(method), clientSecret.reveal()];
    }
    case 'PrivateKeyJwt': {
      const { privateKey, ...method } = client;
      return [sorted(method), privateKey.reveal()];
    }
    case 'Assertion': {
      const { assertion, ...method } = client;
      return [sorted(method), assertion.reveal()];
    }
  }
}

const sorted = (fields: object) => Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1));
