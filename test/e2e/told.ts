import assert from 'node:assert/strict';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import type { IssueFailureReason } from '../../src/failure.ts';
import { type BindingEvent, conditionOf, PATIENCE_MS, type Tenant } from './scenario.ts';

/** What a person is told of a failed attempt to get a token. */
export interface Told {
  readonly reason: IssueFailureReason;
  /** The part of the message that says what is wrong and what to do. */
  readonly message: RegExp;
  /** Whether a person has to act. */
  readonly isStalled: boolean;
}

type Regarding = BindingEvent & { readonly regarding?: { readonly name?: string } };

/** Asserts that condition, kstatus, attempts and event all tell the failure. @param name of the binding */
export async function assertTold(tenant: Tenant, name: string, told: Told): Promise<TokenBinding> {
  const { reason, message, isStalled } = told;
  const binding = await tenant.binding(name);
  const issued = conditionOf(binding, 'Issued');
  assert.deepEqual([issued?.status, issued?.reason], ['False', reason]);
  assert.match(issued?.message ?? '', message);
  assert.equal(conditionOf(binding, 'Stalled')?.reason, isStalled ? reason : undefined);
  assert.equal(conditionOf(binding, 'Reconciling') === undefined, isStalled);
  assert.equal(binding.status?.attempts?.lastFailureReason, reason);
  const event = await eventOf(tenant, name, reason);
  assert.equal(event.type, 'Warning');
  assert.equal(event.note, issued?.message);
  return binding;
}

/** The first event about the binding with that reason. */
function eventOf(tenant: Tenant, name: string, reason: string): Promise<BindingEvent> {
  const look = async () => {
    const events: Regarding[] = await tenant.events(reason);
    return events.find(({ regarding }) => regarding?.name === name);
  };
  return waitFor(look, { what: `an event ${reason} about ${name}`, timeoutMs: PATIENCE_MS });
}
