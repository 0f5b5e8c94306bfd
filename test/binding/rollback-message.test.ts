import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rejection } from '../../src/binding/delivery.ts';
import { statusOf } from '../../src/binding/status.ts';
import type { StepResult } from '../../src/binding/step-result.ts';
import { transitions } from '../../src/binding/transitions.ts';
import { aBinding, factsWith, MINUTE, NOON, someProgress } from '../support/binding.ts';
import {
  apply,
  back,
  counts,
  failWith,
  message,
  NEXT,
  old,
  recordOf,
  refusal,
  type Scene,
  SEEN,
  scene,
  told,
} from './delivery-scene.ts';
import { fresh } from './results.ts';

describe('a token that a machine refused and that was taken back', () => {
  const going = apply(scene(), refusal);
  const gone = apply(going, ...back);

  it('is told with what was seen, while it goes back', () => {
    assert.equal(message(going), `${SEEN} The machine is given the previous token (oooooooooooooooo) back.`);
  });

  it('is told with what was seen, what all hold, and when a fresh one is tried', () => {
    assert.equal(
      message(gone),
      `${SEEN} Token bbbbbbbbbbbbbbbb was taken back: machine m1 of the Fly app toolbridge-mcp has the previous one ` +
        '(oooooooooooooooo) again. Machines that had no later one hold that, valid until 2026-11-24T12:15:00Z; Secret ' +
        'toolbridge-api-token holds the new one. A fresh token is tried at 2026-11-24T12:06:15Z.',
    );
    assert.equal(recordOf(gone).machines?.failed, 0);
  });

  it('is told the same in the event', () => {
    const event = transitions(gone, statusOf(gone)).find(({ reason }) => reason === 'RolledBack');
    assert.equal(event?.note, message(gone));
  });

  it('is told the same when that ends in a later run', () => {
    const status = statusOf(going);
    const { spec } = going.facts.binding;
    const later = someProgress(factsWith(fresh, { binding: aBinding({ spec, status }), previous: old }));
    assert.equal(message(apply({ ...later, subject: 'mcp' }, ...back)), message(gone));
  });

  it('is not tried a third time by itself before the next renewal', () => {
    const again = apply(scene({ record: { rejections: 1 } }), refusal, ...back);
    assert.match(
      message(again),
      /2 tokens in a row were refused; the next one is tried with the renewal at 2026-11-24T12:\d\d:\d\dZ, or when a /,
    );
  });

  it('is forgotten as soon as a token works', () => {
    assert.ok(rejection(recordOf(gone)));
    const record = { ...recordOf(gone), rejectedTokenId: 'another', tokenId: old.id };
    const cured = apply(scene({ record }), ...back);
    assert.equal(rejection(recordOf(cured)), undefined);
  });
});

describe('a rollback that does not work either', () => {
  const going = apply(scene(), refusal);

  it('because the machine is ill with both tokens puts the blame on the machine', () => {
    const failed = apply(going, back[0], failWith(told(SEEN)));
    assert.equal(
      message(failed),
      'Machine m1 is not well with the previous token either: the machine, not the token, is likely at fault. The ' +
        "app's secret holds the previous token. Mend or destroy the machine, then request a refresh. " +
        `${SEEN} Machines other than m1 hold the previous token, valid until 2026-11-24T12:15:00Z; Secret ` +
        `toolbridge-api-token holds the new one. ${NEXT}`,
    );
    assert.deepEqual(recordOf(failed).machines, counts, 'the count is of the whole app');
  });

  it('because Fly does not answer blames nobody', () => {
    assert.match(
      message(apply(going, failWith(told('Fly is down.', 'PlatformUnavailable')))),
      /^Fly is down\. Machines other than m1 hold the previous token, valid until 2026-11-24T12:15:00Z; Secret/,
    );
  });

  it('counts as failed when it takes longer than a rollout may', () => {
    const note = 'Machine m1 is on a host that does not answer.';
    const at = (minutes: number): StepResult => ({
      ...{ type: 'rolled', at: NOON + minutes * MINUTE },
      progress: { machines: { ...counts, total: 1 }, done: false, retryAt: NOON + 31 * MINUTE, note },
    });
    const patient = apply(going, back[0], at(29));
    assert.equal(message(patient), message(going));
    assert.match(
      message(apply(patient, at(31))),
      /^Fly app toolbridge-mcp: giving machine m1 the previous token back takes longer than rollout.timeout \(30m0s\) and comes no further\. Machine m1 is on a host .* See `fly status -a toolbridge-mcp`\. Machines other than m1/,
    );
  });
});

describe('a refused token that cannot be taken back', () => {
  const why = (found: Scene) => message(apply(scene(found), refusal));
  const VAULT = "The app's secret holds the new token: a machine that is updated or made anew gets it, too.";

  it('says that the spec wants it so', () => {
    const text = why({ rollout: { onFailure: 'Halt' } });
    assert.ok(text.startsWith(`${SEEN} No rollback: onFailure is Halt. ${VAULT} Machines that lack`), text);
  });

  it('says where the previous one could not be kept', () => {
    assert.match(
      why({ previous: undefined }),
      /No rollback: the previous token could not be kept in Secret toolbridge-api-token-previous \(it belongs to /,
    );
  });

  it('says when the previous one has expired', () => {
    const record = { heldUntil: '2026-11-24T11:59:00Z' };
    const dead = { ...old, expiresAt: NOON - MINUTE };
    for (const previous of [dead, undefined])
      assert.match(
        why({ record, previous }),
        /the previous token has expired \(2026-11-24T11:59:00Z\)\. The app's/,
      );
  });

  it('says that there is none before the first', () => {
    assert.match(
      why({ record: { heldUntil: undefined } as never, previous: undefined }),
      /there is no previous tok/,
    );
  });

  it('says that the token is not new to the machines', () => {
    const record = { heldUntil: '2026-11-24T13:00:00Z' };
    assert.match(why({ record, previous: undefined }), /the machines had this token before\./);
  });
});
