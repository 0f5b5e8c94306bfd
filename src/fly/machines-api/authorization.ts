/** The text given as an API token cannot be sent as one; the text itself is never quoted. */
export class MalformedTokenError extends Error {
  override readonly name = 'MalformedTokenError';

  constructor() {
    super('the Fly API token is empty or holds characters that no token has');
  }
}

const SCHEME = /^(?:flyv1|bearer)(?:\s+|$)/i;
const QUOTED = /^(["'])([^"']*)\1$/;
const MACAROON = /^(?:fm1r|fm1a|fm2)_/;
const TOKEN = /^[\x21\x23-\x26\x28-\x2b\x2d-\x7e]+$/;

/**
 * The `Authorization` header for a token in any form people paste: with or without a scheme or quotes, several
 * tokens joined by commas (a macaroon travels with its discharges: all are kept), with a trailing newline.
 * Macaroons go by `FlyV1`, everything else by `Bearer`, as Fly's own client does (fly-go, tokens/tokens.go).
 *
 * @throws {MalformedTokenError} here rather than from `Headers`, whose error quotes the value it refuses
 */
export function authorizationHeader(token: string): string {
  const tokens = tokensIn(token);
  const scheme = tokens.some(isMacaroon) ? 'FlyV1' : 'Bearer';
  return `${scheme} ${tokens.join(',')}`;
}

/**
 * The tokens in what people paste as one; at least one.
 *
 * @throws {MalformedTokenError}
 */
export function tokensIn(text: string): readonly string[] {
  const tokens = bare(text)
    .split(',')
    .map(bare)
    .filter((part) => part !== '');
  if (tokens.length === 0 || !tokens.every((part) => TOKEN.test(part))) throw new MalformedTokenError();
  return tokens;
}

/** Whether it is one of the tokens that carry their own rights (`fly tokens create`), by its prefix. */
export function isMacaroon(token: string): boolean {
  return MACAROON.test(token);
}

/** Without the space, quotes and schemes around it. */
function bare(text: string): string {
  const inner = text.trim().replace(QUOTED, '$2').replace(SCHEME, '');
  return inner === text ? text : bare(inner);
}
