import * as oauth from 'oauth4webapi';
import type { EpochMs } from '../clock.ts';
import { FailureError, failure } from '../failure.ts';
import type { SecretValue } from '../secret-value.ts';
import { importPrivateKey, type SigningAlgorithm } from './private-key.ts';

/** How the client proves who it is, and with what. */
export type ClientAuthentication = ClientSecret | PrivateKeyJwt | Assertion;

/** A shared secret (RFC 6749 §2.3.1), in the form or in the header `Authorization: Basic`. */
export interface ClientSecret {
  readonly type: 'ClientSecret';
  readonly method: 'Post' | 'Basic';
  readonly clientId: string;
  readonly clientSecret: SecretValue;
}

/** A JWT that the client signs for each request (RFC 7523 §2.2). */
export interface PrivateKeyJwt {
  readonly type: 'PrivateKeyJwt';
  readonly clientId: string;
  /** PEM (PKCS #8, PKCS #1 or SEC 1) or JWK. */
  readonly privateKey: SecretValue;
  readonly algorithm: SigningAlgorithm;
  /** For a key that names no `kid` of its own, as a JWK may; none when undefined. */
  readonly keyId?: string;
  /** RFC 10070 wants the issuer identifier; servers older than it may take the URL of the token endpoint only. */
  readonly assertionAudience: 'Issuer' | 'TokenEndpoint';
}

/** A JWT that somebody else signed for the client: a ServiceAccount token (RFC 7523 §2.2). */
export interface Assertion {
  readonly type: 'Assertion';
  /** Sent beside the assertion unless empty: the assertion itself names a subject. */
  readonly clientId: string;
  readonly assertion: SecretValue;
}

/** RFC 7523 §2.2. */
const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** How long an assertion lives, in seconds: Auth0 advises a minute, Keycloak takes no longer one by default. */
const ASSERTION_LIFETIME_S = 60;

/** Assertions start in the past: the clocks of both sides differ, and some servers tolerate no `nbf` ahead. */
const BACKDATED_S = 5;

/**
 * The authentication as oauth4webapi applies it to a request; an assertion that is signed here is a new one,
 * with a `jti` of its own, for every request.
 *
 * @param now the server's time as far as it is known, asked when an assertion is signed
 * @throws FailureError `CredentialsMissing` for an empty credential, `CredentialsInvalid` for an unusable key
 */
export function clientAuth(client: ClientAuthentication, now: () => EpochMs): oauth.ClientAuth {
  assertFilled(client);
  switch (client.type) {
    case 'ClientSecret': {
      const secret = client.clientSecret.reveal();
      return client.method === 'Basic' ? oauth.ClientSecretBasic(secret) : oauth.ClientSecretPost(secret);
    }
    case 'PrivateKeyJwt':
      return signedAssertion(client, now);
    case 'Assertion':
      return givenAssertion(client);
  }
}

function signedAssertion(client: PrivateKeyJwt, now: () => EpochMs): oauth.ClientAuth {
  const { key, kid } = importPrivateKey(client.privateKey, client.algorithm);
  // What a key says of itself holds for it alone: a successor has another id than the one in the spec.
  const keyId = kid ?? client.keyId;
  return (server, ...request) => {
    const audience = client.assertionAudience === 'Issuer' ? server.issuer : server.token_endpoint;
    const sign = oauth.PrivateKeyJwt(keyId === undefined ? key : { key, kid: keyId }, {
      [oauth.modifyAssertion]: (_header, payload) => {
        const from = Math.floor(now() / 1000) - BACKDATED_S;
        Object.assign(payload, { aud: audience, iat: from, nbf: from, exp: from + ASSERTION_LIFETIME_S });
      },
    });
    return sign(server, ...request);
  };
}

function givenAssertion({ clientId, assertion }: Assertion): oauth.ClientAuth {
  return (_server, _client, form) => {
    if (clientId !== '') form.set('client_id', clientId);
    form.set('client_assertion_type', JWT_BEARER);
    form.set('client_assertion', assertion.reveal());
  };
}

function assertFilled(client: ClientAuthentication): void {
  switch (client.type) {
    case 'ClientSecret':
      if (client.clientId !== '' && client.clientSecret.reveal() !== '') return;
      throw missing('The client id or the client secret is empty; fill both in the referenced Secret.');
    case 'PrivateKeyJwt':
      if (client.clientId !== '' && client.privateKey.reveal().trim() !== '') return;
      throw missing('The client id or the private key is empty; fill both in the referenced Secret.');
    case 'Assertion':
      if (client.assertion.reveal() !== '') return;
      throw missing(
        'The ServiceAccount token is empty; check spec.clientAuthentication.serviceAccountToken.',
      );
  }
}

function missing(message: string): FailureError<'CredentialsMissing'> {
  return new FailureError(failure('CredentialsMissing', message));
}
