import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Progress } from '../../src/binding/progress.ts';
import { NOON } from '../support/binding.ts';
import { apply, back, failWith, message, NEXT, refusal, SEEN, scene, told } from './delivery-scene.ts';
import { recorded } from './results.ts';

describe('a failed delivery', () => {
  it('tells what machines hold, what the Secret holds, and when it is tried again', () => {
    for (const reason of ['Unauthorized', 'AppNotFound', 'RequestRefused', 'CredentialsMissing'] as const) {
      assert.equal(
        message(apply(scene(), failWith(told('It did not work.', reason)))),
        'It did not work. Machines that lack the new token hold the one before, valid until 2026-11-24T12:15:00Z; ' +
          `Secret toolbridge-api-token holds the new one. ${NEXT}`,
      );
    }
  });

  it('does not promise a token that has expired, or that there never was', () => {
    const of = (heldUntil: string | undefined) =>
      message(apply(scene({ record: { heldUntil } as never }), failWith(told('It did not work.'))));
    assert.match(of('2026-11-24T11:59:00Z'), /hold one that expired at 2026-11-24T11:59:00Z; Secret/);
    assert.match(
      of(undefined),
      /^It did not work\. No machine had a token before; Secret \S+ holds it\. Next/,
    );
  });

  it('of a token that was there already says that it may still be', () => {
    const again = scene({ record: { heldUntil: '2026-11-24T13:00:00Z' } });
    assert.equal(
      message(apply(again, failWith(told('Fly is down.', 'PlatformUnavailable')))).replace(/ Next .*/, ''),
      'Fly is down. Machines that nobody changed since it was delivered hold the token, valid until ' +
        '2026-11-24T13:00:00Z.',
    );
  });

  it('that another writer is in the way of says what is left', () => {
    const run = scene({ record: { repairs: 2, digest: 'd' } });
    const left = apply(run, { type: 'driftChecked', digest: 'theirs', at: NOON });
    assert.match(
      message(left),
      /Machines that the other did not change hold the token valid until 2026-11-24T12:15/,
    );
  });
});

describe('every message', () => {
  it('fits into an event, however long the names are', () => {
    const app = 'a'.repeat(30);
    const seen = told(SEEN.replaceAll('toolbridge-mcp', app).replaceAll('m1', 'm'.repeat(14)));
    const target = { ...recorded('Retain').deliveries[0]?.target, app } as never;
    const start = scene({ record: { target, rejections: 1 } });
    const long: Progress = {
      ...start,
      deliveries: start.deliveries.map((record) => ({ ...record, target })),
      facts: {
        ...start.facts,
        binding: { ...start.facts.binding, spec: { ...start.facts.binding.spec, secret: SECRET } },
      },
    };
    const rejected = { ...refusal, failure: seen, machineId: 'm'.repeat(14) };
    const runs = [
      [rejected, ...back],
      [rejected, failWith(seen)],
    ].map((results) => apply(long, ...results));
    const halted = apply({ ...long, previous: undefined }, rejected);
    for (const run of [...runs, halted]) assert.ok(message(run).length < 1024, String(message(run).length));
  });
});

/** Longer than any that people give. */
const SECRET = { name: 's'.repeat(63), key: 'token' };
