import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Facts } from '../../src/binding/facts.ts';
import { statusOf } from '../../src/binding/status.ts';
import { wakeTime } from '../../src/binding/wake.ts';
import { failure } from '../../src/failure.ts';
import { aBinding, aToken, factsWith, MINUTE, NOON, PROBE, someFacts } from '../support/binding.ts';
import { plan } from './plan.ts';
import { fresh, issue } from './results.ts';

const due = aToken({ issuedAt: NOON - 45 * MINUTE, expiresAt: NOON + 15 * MINUTE });
const binding = aBinding({ spec: { verify: { probe: PROBE } } });
const held = { ...fresh, fingerprint: 'fits' };
const inconclusive = {
  type: 'probed',
  result: 'Inconclusive',
  message: 'api.acme.dev answered HTTP 500.',
} as const;
const rejected = failure('ProbeRejected', 'The API rejects the token.');
const condition = (facts: Facts, results: Parameters<typeof plan>[1], type: string) =>
  statusOf(plan(facts, results).progress).conditions?.find((candidate) => candidate.type === type);

describe('a token to be probed', () => {
  it('is stored after the API took it', () => {
    const { steps } = plan(someFacts({ binding }), {
      ...issue,
      probingToken: { type: 'probed', result: 'Accepted' },
    });
    assert.deepEqual(steps, ['acquiringToken', 'probingToken', 'writingSecret']);
  });

  it('is stored, and that is told, when the API did not say', () => {
    const results = { ...issue, probingToken: inconclusive } as const;
    const degraded = condition(someFacts({ binding }), results, 'Degraded');
    assert.equal(degraded?.reason, 'ProbeInconclusive');
    assert.match(degraded?.message ?? '', /^api\.acme\.dev answered HTTP 500\. The token was handed on all/);
    const { probe } = statusOf(plan(someFacts({ binding }), results).progress).token ?? {};
    assert.equal(probe, 'Inconclusive');
  });

  it('is still told why the API did not say when nothing else happens, until the next one is taken', () => {
    const first = statusOf(plan(someFacts({ binding }), { ...issue, probingToken: inconclusive }).progress);
    const probed = { ...binding, status: first };
    assert.deepEqual(statusOf(plan(factsWith(fresh, { binding: probed })).progress), first);
    const { token, conditions } = statusOf(
      plan(factsWith(due, { binding: probed }), {
        ...issue,
        probingToken: { type: 'probed', result: 'Accepted' },
      }).progress,
    );
    assert.deepEqual([token?.probe, token?.probeMessage], ['Accepted', undefined]);
    assert.ok(!conditions?.some(({ type }) => type === 'Degraded'));
  });

  it('is not stored when the API rejects it; the old one stays', () => {
    const results = { ...issue, probingToken: { type: 'issueFailed', failure: rejected, at: NOON } } as const;
    const { steps, progress } = plan(factsWith(due, { binding }), results);
    assert.deepEqual(steps, ['acquiringToken', 'probingToken']);
    assert.equal(progress.token, due);
    assert.equal(condition(factsWith(due, { binding }), results, 'Issued')?.reason, 'ProbeRejected');
  });

  it('is tried again without asking for another one while it is fresh', () => {
    const first = plan(factsWith(due, { binding }), {
      ...issue,
      probingToken: { type: 'issueFailed', failure: rejected, at: NOON },
    });
    const status = statusOf(first.progress);
    const waiting = { ...binding, status };
    const now = wakeTime(first.progress, status) ?? 0;
    const early = plan(factsWith(due, { now: now - 1, binding: waiting, held: { token: held } }));
    assert.deepEqual(early.steps, []);
    const again = plan(factsWith(due, { now, binding: waiting, held: { token: held } }), {
      probingToken: { type: 'probed', result: 'Accepted' },
      writingSecret: { type: 'secretWritten', token: held },
    });
    assert.deepEqual(again.steps, ['probingToken', 'writingSecret']);
  });

  it('is given up after two minutes, for another one', () => {
    const now = NOON + 2 * MINUTE + 1;
    const { steps } = plan(factsWith(due, { now, binding, held: { token: held } }), {
      acquiringToken: { ...issue.acquiringToken, at: now },
      probingToken: { type: 'probed', result: 'Accepted' },
      writingSecret: issue.writingSecret,
    });
    assert.deepEqual(steps, ['acquiringToken', 'probingToken', 'writingSecret']);
  });

  it('that was accepted is not probed again when only its storing failed', () => {
    const { steps } = plan(
      someFacts({ binding, held: { token: held, probed: { result: 'Accepted' } } }),
      issue,
    );
    assert.deepEqual(steps, ['writingSecret']);
  });
});
