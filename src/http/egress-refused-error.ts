import type { ForbiddenAddress } from './address-rule.ts';

/** The rule of the egress guard that a call broke. */
export type EgressRule = 'scheme' | 'userinfo' | 'host' | 'address';

/** A call that was not made. Its message names the host, the rule and what would allow the call. */
export class EgressRefusedError extends Error {
  override readonly name = 'EgressRefusedError';
  readonly rule: EgressRule;
  readonly host: string;

  constructor(rule: EgressRule, host: string, remedy: string) {
    super(`The call to ${host || 'a URL without a host'} was refused (rule: ${rule}): ${remedy}`);
    this.rule = rule;
    this.host = host;
  }
}

/** The refusal of a host that is, or resolves to, an address of the forbidden `kind`. */
export function refusedAddress(host: string, kind: ForbiddenAddress): EgressRefusedError {
  const remedy =
    kind === 'loopback'
      ? 'it leads to a loopback address, which only --egress-allow-loopback allows.'
      : `it leads to a forbidden address (${kind}), which no setting allows; use another host.`;
  return new EgressRefusedError('address', host, remedy);
}
