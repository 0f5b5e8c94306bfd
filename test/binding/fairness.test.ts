import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Facts } from '../../src/binding/facts.ts';
import type { Progress } from '../../src/binding/progress.ts';
import { statusOf } from '../../src/binding/status.ts';
import type { StepResult } from '../../src/binding/step-result.ts';
import type { DeliveryStatus } from '../../src/binding/token-binding.generated.ts';
import { aBinding, aDelivery, aToken, factsWith, MINUTE, NOON } from '../support/binding.ts';
import { plan } from './plan.ts';
import { deliver, machines, recorded } from './results.ts';

const NAMES = ['first', 'second'];
const spec = { deliveries: NAMES.map((name) => aDelivery({ app: name }, name)) };
const token = aToken({ id: 'nnnnnnnnnnnnnnnn', issuedAt: NOON });
/** A run with a new token for two apps, of which each has the one before. */
function due(change: (name: string) => Partial<DeliveryStatus> = () => ({})): Facts {
  const deliveries = NAMES.map((name) => {
    const [record] = recorded('Retain', name).deliveries;
    return { ...record, name, ...change(name) } as DeliveryStatus;
  });
  return factsWith(token, { binding: aBinding({ spec, status: { deliveries } }) });
}

/** What was done to which delivery, in its order. */
function deeds(facts: Facts, rollOut: (name: string) => StepResult = () => deliver.rollingOut): string[] {
  const done: string[] = [];
  const noting = (step: string, result: (name: string) => StepResult) => (progress: Progress) => {
    const { subject = '' } = progress;
    done.push(`${step} ${subject}`);
    return result(subject);
  };
  plan(facts, {
    ...deliver,
    settingFlySecret: noting('write', () => deliver.settingFlySecret),
    rollingOut: noting('roll', rollOut),
  });
  return done;
}

describe('a binding that feeds several apps', () => {
  it('writes to one that failed before only when nothing else is left to do', () => {
    const facts = due((name) => (name === 'first' ? { attempts: { consecutive: 1 } } : {}));
    assert.deepEqual(deeds(facts), ['write second', 'roll second', 'write first', 'roll first']);
  });

  it('takes their rollouts further in turn, so that none waits for the last machine of another', () => {
    let calls = 0;
    const slowly = (name: string): StepResult => {
      calls += 1;
      const done = name === 'second' || calls > 5;
      return { type: 'rolled', progress: { machines, done, retryAt: undefined }, at: NOON };
    };
    assert.deepEqual(deeds(due(), slowly).slice(2, 5), ['roll first', 'roll second', 'roll first']);
  });
});

describe('a rollout that waits for other bindings of its app', () => {
  const binding = aBinding({ spec: { deliveries: [aDelivery()] } });
  const write = { type: 'flySecretSet', write: { secretsVersion: 4, digest: 'd' }, at: NOON } as const;
  const steps = (facts: Facts, awaited?: boolean) =>
    plan(facts, {
      ...deliver,
      settingFlySecret: { ...write, ...(awaited !== undefined && { awaited }) },
    }).steps;

  it('goes by what was seen after its own write', () => {
    assert.ok(!steps(factsWith(token, { binding }), true).includes('rollingOut'));
    assert.ok(steps(factsWith(token, { binding, awaited: ['mcp'] }), false).includes('rollingOut'));
  });

  it('waits no longer than a twentieth of the life of its token', () => {
    const short = aToken({ issuedAt: NOON - 2_000, expiresAt: NOON + 28_000 });
    assert.ok(steps(factsWith(short, { binding, awaited: ['mcp'] }), true).includes('rollingOut'));
  });
});

describe('a secret that is left to somebody else', () => {
  const contested: DeliveryStatus = {
    ...(recorded('Retain').deliveries[0] as DeliveryStatus),
    ...{ digest: 'ours', repairs: 2 },
    conditions: [
      {
        ...{ type: 'Delivered', status: 'False', reason: 'ConflictingWriter', message: 'theirs' },
        lastTransitionTime: '2026-11-24T11:00:00Z',
      },
    ],
  };
  const binding = aBinding({ spec: { deliveries: [aDelivery()] }, status: { deliveries: [contested] } });

  it('counts as drift once, not at every look', () => {
    const facts = factsWith(aToken(), { binding, driftDueAt: { mcp: NOON - MINUTE } });
    const { progress, rest } = plan(facts, {
      checkingDrift: { type: 'driftChecked', digest: 'theirs', at: NOON },
    });
    assert.deepEqual([progress.driftFound, rest], [[], 'stalled']);
    assert.deepEqual(statusOf(progress).deliveries, [contested]);
  });
});
