import { type Failure, failure, type IssueFailureReason, WithheldError } from '../failure.ts';
import { EgressRefusedError } from '../http/egress.ts';

/**
 * The failure that a rejected `fetch` means: the request got no response from `host`.
 *
 * @param host `host[:port]` by the spec; another host was called when metadata named it
 * @throws WithheldError as it came: this process held the call back, which is no failure of `host`
 */
export function unreachableFailure(error: unknown, host: string): Failure<IssueFailureReason> {
  if (error instanceof WithheldError) throw error;
  if (error instanceof EgressRefusedError) return failure('RequestRefused', refusalText(error, host));
  return failure('ProviderUnavailable', `${host} could not be asked for a token: ${explain(error)}`);
}

/** The host of a URL out of metadata is a word of the other side. */
function refusalText(error: EgressRefusedError, host: string): string {
  if (URL.parse(`https://${host}/`)?.hostname === error.host) return error.message;
  return (
    `The metadata of ${host} names a token endpoint on a host that must not be called (rule: ${error.rule}); ` +
    'look the endpoint up there, and allow its host in --egress-allow-hosts if it is one to trust.'
  );
}

function explain(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'it did not answer in time.';
  const code = errorCode(error);
  if (code === undefined) return 'the connection failed.';
  if (/CERT|SIGNATURE|ISSUER/.test(code)) {
    return `its TLS certificate is not accepted (${code}); for a private CA pass its certificate with --ca-file.`;
  }
  return code === 'ENOTFOUND'
    ? `its name does not resolve (${code}); check the host of spec.source.`
    : `the connection failed (${code}).`;
}

/** The code that Node, OpenSSL or undici gave the failure: a word of theirs, never of the other side. */
function errorCode(error: unknown): string | undefined {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : undefined;
}
