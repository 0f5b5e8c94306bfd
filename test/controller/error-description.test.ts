import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeError } from '../../controller/error-description.ts';
import { createLogger } from '../../controller/log.ts';
import { FailureError } from '../../src/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** What `act` throws. */
function thrownBy(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('nothing was thrown');
}

describe('the description of an error', () => {
  test('has its name, message and code, and of its cause name and code alone', () => {
    const cause = Object.assign(new Error('canary'), { code: 'ECONNREFUSED' });
    const error = new TypeError('fetch failed', { cause });
    assert.deepEqual(describeError(error, false), {
      name: 'TypeError',
      message: 'fetch failed',
      cause: { name: 'Error', code: 'ECONNREFUSED' },
    });
  });

  test('has reason and disposition of a failure', () => {
    const failure = { reason: 'RateLimited', disposition: 'retry', message: 'Slow down.' } as const;
    assert.deepEqual(describeError(new FailureError(failure), false), {
      name: 'FailureError',
      message: 'Slow down.',
      reason: 'RateLimited',
      disposition: 'retry',
    });
  });

  test('withholds the text that a parser quotes', () => {
    const error = thrownBy(() => JSON.parse('canary'));
    assert.match(error.message, /canary/);
    assert.doesNotMatch(JSON.stringify(describeError(error, true)), /canary/);
  });

  test('has the frames of the stack, without the message, only when asked for', () => {
    const error = Object.assign(new Error('line\n    at canary (file:1:1)'), { body: '' });
    assert.equal(describeError(error, false).stack, undefined);
    const { stack = [] } = describeError(error, true);
    assert.match(stack[0] ?? '', /^at .*error-description\.test\.ts/);
    assert.doesNotMatch(stack.join('\n'), /canary/);
  });

  test('repeats no code or reason that is not one word', () => {
    const error = Object.assign(new Error('m'), { code: 'two words', reason: 'a <b>', status: 404 });
    assert.deepEqual(describeError(error, false), { name: 'Error', message: 'm', code: 404 });
  });
});

describe('a log line', () => {
  function logged(fields: Record<string, unknown>): Record<string, unknown> {
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    createLogger({ level: 'info', clock: new FakeClock(), destination }).info(fields, 'm');
    return JSON.parse(lines.join(''));
  }

  test('redacts authorization headers that a library handed over', () => {
    const line = logged({ authorization: 'canary', headers: { Authorization: 'canary', accept: 'x' } });
    assert.deepEqual(line.headers, { Authorization: '[redacted]', accept: 'x' });
    assert.equal(line.authorization, '[redacted]');
  });

  test('cuts off an object in a circle', () => {
    const circle: Record<string, unknown> = { name: 'c' };
    circle.self = [circle];
    assert.match(JSON.stringify(logged({ circle })), /"\[deeper\]"/);
  });
});
