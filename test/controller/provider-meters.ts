import type { Circuit } from '../../controller/provider/breaker.ts';
import type { DeferralReason } from '../../controller/provider/deferred-error.ts';
import type { GateMeters } from '../../controller/provider/gate.ts';

/** Writes down what the gate tells its meters. */
export class ProviderMeters implements GateMeters {
  open = 0;
  changes: Circuit[] = [];
  deferrals: DeferralReason[] = [];

  circuitsOpen(endpoints: number): void {
    this.open = endpoints;
  }
  circuitChanged(state: Circuit): void {
    this.changes.push(state);
  }
  deferred(reason: DeferralReason): void {
    this.deferrals.push(reason);
  }
}
