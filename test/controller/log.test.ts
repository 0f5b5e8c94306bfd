import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLogger, type LogLevel } from '../../controller/log.ts';
import { FailureError } from '../../src/failure.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { FakeClock } from '../support/fake-clock.ts';

function capture(level: LogLevel = 'info') {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  return { lines, log: createLogger({ level, clock: new FakeClock(), destination }) };
}
const only = (lines: string[]) => JSON.parse(lines[0] ?? '{}');

describe('a log line', () => {
  it('is JSON with level, time, the fields of its run and of itself, and a fixed message', () => {
    const { lines, log } = capture();
    log.child({ namespace: 'toolbridge', name: 'api', run: 'r1' }).info({ step: 'acquiringToken' }, 'step');
    const { time, ...rest } = only(lines);
    assert.deepEqual(rest, {
      level: 'info',
      namespace: 'toolbridge',
      name: 'api',
      run: 'r1',
      step: 'acquiringToken',
      msg: 'step',
    });
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('is written from its level on', () => {
    const { lines, log } = capture('warn');
    log.info({}, 'quiet');
    log.warn({}, 'loud');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).msg),
      ['loud'],
    );
  });

  it('shows a credential as redacted wherever it stands', () => {
    const { lines, log } = capture('trace');
    const secret = new SecretValue('canary');
    log.child({ secret }).info({ secret, inside: { secret, list: [secret] }, text: `${secret}` }, 'm');
    assert.ok(!lines.join('').includes('canary'));
  });

  it('tells of a failure its reason and disposition', () => {
    const { lines, log } = capture();
    log.warn(
      { err: new FailureError({ reason: 'RateLimited', disposition: 'retry', message: 'Slow down.' }) },
      'm',
    );
    const { err } = only(lines);
    assert.equal(err.reason, 'RateLimited');
    assert.equal(err.message, 'Slow down.');
    assert.equal(err.stack, undefined);
  });

  it('tells nothing of an error that carries an answer: neither its message nor body and headers', () => {
    const { lines, log } = capture('trace');
    const error = Object.assign(new Error('canary in a quoted answer'), {
      body: 'canary',
      headers: { authorization: 'canary' },
    });
    log.error({ err: error, nested: { deeper: error } }, 'm');
    assert.match(only(lines).err.message, /withheld/);
    assert.ok(!lines.join('').includes('canary'));
  });
});
