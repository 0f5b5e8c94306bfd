import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { PrivateKey } from 'oauth4webapi';
import { FailureError, failure } from '../failure.ts';
import type { SecretValue } from '../secret-value.ts';

/** How a client assertion is signed (RFC 7518 §3.1). */
export type SigningAlgorithm = 'RS256' | 'RS384' | 'PS256' | 'PS384' | 'ES256' | 'ES384';

/** What an algorithm needs: the key it fits (curves by OpenSSL's names), and how WebCrypto calls it. */
interface Fit {
  readonly type: 'rsa' | 'ec';
  readonly namedCurve?: 'prime256v1' | 'secp384r1';
  readonly words: string;
  readonly webCrypto: { name: string; hash: string } | { name: string; namedCurve: string };
}

/** RFC 7518 §3.3 and §3.5; oauth4webapi signs with no shorter key. */
const SHORTEST_RSA_BITS = 2048;

const RSA = { type: 'rsa', words: `an RSA key of at least ${SHORTEST_RSA_BITS} bits` } as const;

const FITS: Readonly<Record<SigningAlgorithm, Fit>> = {
  RS256: { ...RSA, webCrypto: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } },
  RS384: { ...RSA, webCrypto: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' } },
  PS256: { ...RSA, webCrypto: { name: 'RSA-PSS', hash: 'SHA-256' } },
  PS384: { ...RSA, webCrypto: { name: 'RSA-PSS', hash: 'SHA-384' } },
  ES256: {
    ...{ type: 'ec', namedCurve: 'prime256v1', words: 'an EC key on the curve P-256' },
    webCrypto: { name: 'ECDSA', namedCurve: 'P-256' },
  },
  ES384: {
    ...{ type: 'ec', namedCurve: 'secp384r1', words: 'an EC key on the curve P-384' },
    webCrypto: { name: 'ECDSA', namedCurve: 'P-384' },
  },
};

/**
 * A private key for signing with `algorithm`, not extractable; with the `kid` of a JWK.
 *
 * @param secret PEM of PKCS #8, PKCS #1 (RSA) or SEC 1 (EC), or a JWK as JSON (RFC 7517)
 * @throws FailureError `CredentialsInvalid` when it is no such key, encrypted, public or not for `algorithm`;
 *   its message says what to write, and nothing of what is there
 */
export function importPrivateKey(secret: SecretValue, algorithm: SigningAlgorithm): PrivateKey {
  const text = secret.reveal().trim();
  const { key, kid } = text.startsWith('{') ? readJwk(text) : { key: readPem(text), kid: undefined };
  const { type, namedCurve, words, webCrypto } = FITS[algorithm];
  const bits = key.asymmetricKeyDetails?.modulusLength;
  const fits =
    key.asymmetricKeyType === type &&
    key.asymmetricKeyDetails?.namedCurve === namedCurve &&
    (bits === undefined || bits >= SHORTEST_RSA_BITS);
  if (!fits)
    throw invalid(
      `is not for the algorithm ${algorithm}; write ${words}, or choose the algorithm of the key`,
    );
  return { key: key.toCryptoKey(webCrypto, false, ['sign']), ...(kid !== undefined && { kid }) };
}

function readPem(text: string): KeyObject {
  if (/-----BEGIN (ENCRYPTED |[A-Z ]*PRIVATE KEY-----\s+Proc-Type: *4,ENCRYPTED)/.test(text)) {
    throw invalid(
      'is encrypted; write it without a passphrase (openssl pkey -in encrypted.pem -out key.pem)',
    );
  }
  if (/-----BEGIN ([A-Z]+ )?(PUBLIC KEY|CERTIFICATE)-----/.test(text) && !text.includes('PRIVATE KEY-----')) {
    throw invalid('is a public key or a certificate; write the private key that belongs to it');
  }
  return read(() => createPrivateKey(text));
}

function readJwk(text: string): { key: KeyObject; kid: string | undefined } {
  const jwk = read((): Record<string, unknown> => JSON.parse(text));
  if ('keys' in jwk) throw invalid('is a set of JWKs; write the one JWK to sign with');
  if (!('d' in jwk)) throw invalid('is a JWK without its private part "d"; write the private JWK');
  const key = read(() => createPrivateKey({ key: jwk, format: 'jwk' }));
  return { key, kid: typeof jwk.kid === 'string' && jwk.kid !== '' ? jwk.kid : undefined };
}

/** What a parser says may quote the key; it is dropped. */
function read<T>(parse: () => T): T {
  try {
    return parse();
  } catch {
    throw invalid(
      'cannot be read; write a PEM (BEGIN PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY) or a JWK',
    );
  }
}

function invalid(what: string): FailureError<'CredentialsInvalid'> {
  return new FailureError(failure('CredentialsInvalid', `The private key in the referenced Secret ${what}.`));
}
