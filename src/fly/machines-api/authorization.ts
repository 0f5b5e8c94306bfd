/** The text given as an API token cannot be sent as one; the text itself is never quoted. */
export class MalformedTokenError extends Error {
  override readonly name = 'MalformedTokenError';

  constructor() {
    super('the Fly API token is empty or holds characters that no token has');
  }
}

const SCHEME = /^(?:flyv1|bearer)(?:\s+|$)/i;
const MACAROON = /^(?:fm1r|fm1a|fm2)_/;
const TOKEN = /^[\x21-\x2b\x2d-\x7e]+$/;

/**
 * The `Authorization` header for a token in any form people paste: with or without a scheme, several tokens
 * joined by commas (a macaroon travels with its discharges: all are kept), with a trailing newline.
 * Macaroons go by `FlyV1`, everything else by `Bearer`, as Fly's own client does (fly-go, tokens/tokens.go).
 *
 * @throws {MalformedTokenError} here rather than from `Headers`, whose error quotes the value it refuses
 */
export function authorizationHeader(token: string): string {
  const tokens = withoutScheme(token.trim())
    .split(',')
    .map((part) => withoutScheme(part.trim()))
    .filter((part) => part !== '');
  if (tokens.length === 0 || !tokens.every((part) => TOKEN.test(part))) throw new MalformedTokenError();
  const scheme = tokens.some((part) => MACAROON.test(part)) ? 'FlyV1' : 'Bearer';
  return `${scheme} ${tokens.join(',')}`;
}

function withoutScheme(text: string): string {
  return SCHEME.test(text) ? withoutScheme(text.replace(SCHEME, '')) : text;
}
