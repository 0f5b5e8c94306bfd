import { errors } from 'jose';

/**
 * Why a call got its 401. `denied`: told to refuse this very token; `tenant`: the token is good, the signed
 * tenant headers are not; `keys`: the issuer's keys could not be fetched.
 */
export type Refusal =
  | 'missing'
  | 'malformed'
  | 'signature'
  | 'issuer'
  | 'audience'
  | 'expired'
  | 'notYetValid'
  | 'subject'
  | 'denied'
  | 'tenant'
  | 'keys';

const CLAIMS: Readonly<Record<string, Refusal>> = {
  iss: 'issuer',
  aud: 'audience',
  nbf: 'notYetValid',
  sub: 'subject',
};

/** The cause behind an error of jose's `jwtVerify`. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWTClaimValidationFailed) return CLAIMS[error.claim] ?? 'malformed';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'signature';
  if (error instanceof errors.JWKSNoMatchingKey) return 'signature';
  if (error instanceof errors.JWTInvalid || error instanceof errors.JWSInvalid) return 'malformed';
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported)
    return 'malformed';
  return 'keys';
}
