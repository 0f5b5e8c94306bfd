import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Logger } from '../../controller/log.ts';
import { Term } from '../../controller/term.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';

const meters = { depth: () => {}, added: () => {}, retried: () => {}, queued: () => {} };
const silent = () => {};
const log: Logger = {
  ...{ trace: silent, debug: silent, info: silent, warn: silent, error: silent, fatal: silent },
  child: () => log,
};

/** A term whose runs last until they are told to end, or broken off. */
function aTerm() {
  const clock = new FakeClock();
  const begun: string[] = [];
  const broken: string[] = [];
  let finished = false;
  const going = Promise.withResolvers<undefined>();
  const term = new Term({
    ...{ clock, log, meters, onRun: () => {} },
    reconcile: (key, _log, signal) => {
      begun.push(key);
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => {
          if (!finished) broken.push(key);
          reject(signal.reason);
        });
      });
      return Promise.race([going.promise, aborted]);
    },
  });
  const finish = () => {
    finished = true;
    going.resolve(undefined);
  };
  return { clock, term, begun, broken, finish };
}

describe('a term of leading', () => {
  it('begins with every binding, as many at a time as there are workers', async () => {
    const { term, begun, finish } = aTerm();
    term.start(2, ['a/1', 'a/2', 'a/3']);
    await settled();
    assert.deepEqual(begun, ['a/1', 'a/2']);
    finish();
    await term.end();
  });

  it('lets what is under way end by itself, and begins nothing more', async () => {
    const { term, begun, broken, finish } = aTerm();
    term.start(1, ['a/1', 'a/2']);
    await settled();
    const ended = term.end();
    finish();
    await ended;
    assert.deepEqual([begun, broken], [['a/1'], []]);
  });

  it('breaks off after 20 s what does not end', async () => {
    const { clock, term, broken } = aTerm();
    term.start(1, ['a/1']);
    await settled();
    const ended = term.end();
    await clock.advance(20_000);
    await ended;
    assert.deepEqual(broken, ['a/1']);
  });

  it('breaks off at once when the Lease is lost', async () => {
    const { term, broken } = aTerm();
    term.start(1, ['a/1']);
    await settled();
    term.abort();
    await term.end();
    assert.deepEqual(broken, ['a/1']);
  });
});
