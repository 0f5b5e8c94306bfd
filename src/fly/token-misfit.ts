import { isMacaroon } from '@fly/machines-api';
import type { TokenFacts } from './api-token.ts';

/** Tokens of a login (`fly auth token`) and the old personal ones. */
const LOGIN = /^fo1_/;

/**
 * What is wrong with a token that can be seen by looking at it, as half a sentence; undefined when nothing is.
 *
 * A person's token opens whatever the person may do and ends with the login: it is refused even where it works.
 *
 * @param tokens as `tokensIn` gives them
 */
export function misfitByLook(tokens: readonly string[]): string | undefined {
  return tokens.some((token) => LOGIN.test(token))
    ? 'the API token is a personal one (`fly auth token`), which may do too much and ends with the login'
    : undefined;
}

/** Why Fly does not accept a token at all (401), as far as its look tells. */
export function refusedByLook(tokens: readonly string[]): string {
  const incomplete = tokens.length === 1 && tokens.some(isMacaroon);
  return incomplete
    ? 'Fly does not accept the API token (HTTP 401): it is expired or revoked, or only the first of the parts, ' +
        'joined by commas, that `fly tokens create` prints'
    : 'Fly does not accept the API token (HTTP 401): it is expired or revoked';
}

/** Why a token that grants this cannot open the app, as half a sentence; undefined when it may. */
export function misfitByGrant(facts: readonly TokenFacts[], app: string): string | undefined {
  if (facts.every(({ kind }) => kind === 'Machine')) {
    return 'the API token works only from inside a machine of Fly';
  }
  const others = facts.map((fact) => otherApps(fact, app));
  const [first] = others.flatMap((apps) => apps ?? []);
  if (first === undefined || others.includes(undefined)) return undefined;
  return `the API token is of another app (${first})`;
}

/** Why a token cannot even read the app (403), by what it grants. */
export function refusedByGrant(facts: readonly TokenFacts[]): string {
  const wide = facts.some(({ kind }) => kind === 'Organization' || kind === 'Person');
  return wide
    ? 'the API token is of another organization than the app, or its owner may not manage the app (HTTP 403)'
    : 'the API token is of another app, or made for something else, such as running commands (HTTP 403)';
}

/** The apps that are all a token opens, this one not among them; undefined when it may open this one. */
function otherApps({ kind, apps }: TokenFacts, app: string): readonly string[] | undefined {
  if (kind === 'Machine') return [];
  return kind === 'App' && apps && !apps.includes(app) ? apps : undefined;
}
