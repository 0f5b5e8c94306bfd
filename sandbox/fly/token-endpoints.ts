import type { Grant } from './access-token.ts';
import { type Reply, type Route, tokenRoute } from './route.ts';

/** The endpoints about the caller's own token. */
export const tokenRoutes: readonly Route[] = [
  tokenRoute('GET /current', 'currentToken', ({ grants }): Reply => {
    return { status: 200, body: { tokens: grants.map(tokenInfo) } };
  }),
];

/** One entry per token that grants something; discharges have none. Whether it may write is not told. */
function tokenInfo({ of, user }: Grant, index: number): object {
  return {
    token_id: `sandbox-${index}`,
    ...('app' in of ? { apps: [of.app] } : { org_slug: of.organization, organization: of.organization }),
    ...(user !== undefined && { user }),
  };
}
