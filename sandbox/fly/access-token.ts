import { randomBytes } from 'node:crypto';

/** The tokens of an `Authorization` header; undefined when it is missing or malformed. */
export function presentedTokens(header: string | undefined): readonly string[] | undefined {
  const [, list] = /^(?:FlyV1|Bearer) (\S+)$/.exec(header ?? '') ?? [];
  return list?.split(',');
}

/**
 * Mints a deploy token as `fly tokens create deploy` prints it: scheme, token and its discharge, comma-joined.
 * Both parts must be presented; a client that drops the discharge is refused.
 */
export function mintDeployToken(): string {
  const part = () => `fm2_${randomBytes(48).toString('base64url')}`;
  return `FlyV1 ${part()},${part()}`;
}

/** Which apps a credential opens: a set of tokens that must be presented together, per grant. */
export class AccessTokens {
  readonly #grants = new Map<string, string>();

  /** @param token with or without scheme, as a person would paste it */
  grant(token: string, app: string): void {
    this.#grants.set(token.replace(/^(?:FlyV1|Bearer) /, ''), app);
  }

  revoke(token: string): void {
    this.#grants.delete(token.replace(/^(?:FlyV1|Bearer) /, ''));
  }

  /** Apps that the presented tokens open; empty when none of them is known, or a part of each is missing. */
  apps(presented: readonly string[]): ReadonlySet<string> {
    const complete = [...this.#grants].filter(([tokens]) =>
      tokens.split(',').every((token) => presented.includes(token)),
    );
    return new Set(complete.map(([, app]) => app));
  }
}
