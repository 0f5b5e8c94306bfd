import type { JsonObject, MachinesApi } from '@fly/machines-api';
import { answerTo } from './api-call.ts';
import { list, object } from './json-shape.ts';

/** What one of the tokens in an API token is for, as far as Fly tells. */
export interface TokenFacts {
  /**
   * `App`: some apps only (`fly tokens create deploy`). `Organization`: every app of one (`… org`, `… readonly`;
   * which of the two, Fly does not tell). `Person`: whatever a person may do. `Machine`: of use only from inside
   * one machine.
   */
  readonly kind: 'App' | 'Organization' | 'Person' | 'Machine';
  /** Names of the apps of an `App` token; undefined when Fly gives them otherwise, for example by number. */
  readonly apps?: readonly string[];
}

/** The CRD's rule for `fly.app`: what keeps to it is a name, whoever says it, and may be shown. */
const APP_NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const EVERY_APP = '*';

/**
 * What the API token is for (`GET /tokens/current`), one entry for each token in it that grants something;
 * undefined when the answer does not tell of each.
 *
 * @throws {MachinesApiError} status 401 for a token that is invalid, expired or without its discharges
 */
export async function inspectToken(
  api: MachinesApi,
  signal?: AbortSignal,
): Promise<readonly TokenFacts[] | undefined> {
  const call = api.GET('/tokens/current', { ...(signal && { signal }) });
  const { body } = await answerTo('look at the API token', call, signal);
  const facts = list(object(body).tokens).map((token) => factsOf(object(token)));
  const known = facts.filter((fact) => fact !== undefined);
  return known.length > 0 && known.length === facts.length ? known : undefined;
}

function factsOf(token: JsonObject): TokenFacts | undefined {
  const { restricted_to_machine: machine, source_machine_id: source, user, organization, org_slug } = token;
  if (isText(machine) && machine !== source) return { kind: 'Machine' };
  const apps = list(token.apps);
  if (apps.length > 0 && !apps.includes(EVERY_APP)) {
    return apps.every(isAppName) ? { kind: 'App', apps } : { kind: 'App' };
  }
  if (isText(user)) return { kind: 'Person' };
  return isText(organization) || isText(org_slug) ? { kind: 'Organization' } : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** Digits alone may be an app's number: macaroons know apps by that (superfly/macaroon, flyio/caveats.go). */
function isAppName(value: unknown): value is string {
  return typeof value === 'string' && APP_NAME.test(value) && /[^0-9]/.test(value);
}
