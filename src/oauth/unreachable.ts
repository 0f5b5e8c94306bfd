import { type Failure, failure, type IssueFailureReason } from '../failure.ts';
import { EgressRefusedError } from '../http/egress.ts';

/** The failure that a rejected `fetch` means: the request got no response from `domain`. */
export function unreachableFailure(error: unknown, domain: string): Failure<IssueFailureReason> {
  if (error instanceof EgressRefusedError) {
    return failure('RequestRefused', error.message);
  }
  const message = `${domain} could not be asked for a token: ${explain(error)}`;
  return failure('ProviderUnavailable', message);
}

function explain(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'it did not answer in time.';
  const code = errorCode(error);
  if (code === undefined) return 'the connection failed.';
  if (/CERT|SIGNATURE|ISSUER/.test(code)) {
    return `its TLS certificate is not accepted (${code}); for a private CA pass its certificate with --ca-file.`;
  }
  return code === 'ENOTFOUND'
    ? `its name does not resolve (${code}); check the domain.`
    : `the connection failed (${code}).`;
}

/** The code that Node, OpenSSL or undici gave the failure: a word of theirs, never of the other side. */
function errorCode(error: unknown): string | undefined {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : undefined;
}
