import { randomBytes } from 'node:crypto';

/** The tokens of an `Authorization` header; undefined when it is missing or malformed. */
export function presentedTokens(header: string | undefined): readonly string[] | undefined {
  const [, list] = /^(?:FlyV1|Bearer) (\S+)$/.exec(header ?? '') ?? [];
  return list?.split(',');
}

/**
 * Mints a token as `fly tokens create` prints it: scheme, token and its discharge, comma-joined.
 * Both parts must be presented; a client that drops the discharge is refused.
 */
export function mintToken(): string {
  const part = () => `fm2_${randomBytes(48).toString('base64url')}`;
  return `FlyV1 ${part()},${part()}`;
}

/** The organization of every app here. */
export const ORGANIZATION = 'sandbox';

/** What a token opens. */
export interface Grant {
  /** One app, or all of an organization. */
  readonly of: { readonly app: string } | { readonly organization: string };
  readonly mayWrite: boolean;
  /** Whose token it is, when a person's. */
  readonly user?: string;
  /** True for one that can only look at machines and run commands in them (`fly tokens create machine-exec`). */
  readonly execOnly?: boolean;
  /** Milliseconds since the epoch; from then on it is as if unknown. */
  readonly expiresAtMs?: number;
}

/** Which grants a credential has: a set of tokens that must be presented together, per grant. */
export class AccessTokens {
  readonly #grants = new Map<string, Grant>();

  /** @param token with or without scheme, as a person would paste it */
  grant(token: string, grant: Grant): void {
    this.#grants.set(bare(token), grant);
  }

  revoke(token: string): void {
    this.#grants.delete(bare(token));
  }

  /** Grants of the presented tokens; empty when none is known and unexpired, or a part of each is missing. */
  grants(presented: readonly string[], nowMs: number): readonly Grant[] {
    const complete = [...this.#grants].filter(([tokens]) =>
      tokens.split(',').every((token) => presented.includes(token)),
    );
    return complete
      .map(([, grant]) => grant)
      .filter(({ expiresAtMs }) => expiresAtMs === undefined || nowMs < expiresAtMs);
  }
}

/** What is asked of an app: to run a command, to read, or to change something. */
export type Access = 'exec' | 'read' | 'write';

/** Whether the grants open an app for that. */
export function opens(grants: readonly Grant[], app: string, access: Access): boolean {
  return grants.some(({ of, mayWrite, execOnly }) => {
    const covers = 'app' in of ? of.app === app : of.organization === ORGANIZATION;
    return covers && (execOnly ? access === 'exec' : mayWrite || access === 'read');
  });
}

function bare(token: string): string {
  return token.replace(/^(?:FlyV1|Bearer) /, '');
}
