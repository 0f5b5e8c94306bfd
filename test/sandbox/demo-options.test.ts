import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDemo } from '../../sandbox/demo-options.ts';

const USUAL = { strategy: 'Rolling', badToken: false, output: 'text' };

describe('the options of the demo', () => {
  it('without any: tokens of a minute, no end, a summary in text', () => {
    assert.deepEqual(parseDemo([]), { kind: 'run', options: { ...USUAL, lifetime: 60 } });
  });

  it('with refreshes: give up three minutes after the tokens that it takes', () => {
    const parsed = parseDemo(['--refreshes', '2', '--lifetime=40']);
    assert.deepEqual(parsed, {
      kind: 'run',
      options: { ...USUAL, refreshes: 2, lifetime: 40, timeout: 300 },
    });
  });

  it('with a timeout of its own: that one', () => {
    const parsed = parseDemo(['--refreshes=2', '--timeout=5', '-o', 'json']);
    assert.deepEqual(parsed, {
      kind: 'run',
      options: { ...USUAL, refreshes: 2, lifetime: 60, output: 'json', timeout: 5 },
    });
  });

  it('with a bad token: a life that leaves time for the one after it', () => {
    const parsed = parseDemo(['--bad-token']);
    assert.deepEqual(parsed, { kind: 'run', options: { ...USUAL, badToken: true, lifetime: 90 } });
  });

  for (const [argv, message] of [
    [['--refreshes', '0'], /whole number from 1 to 1000/],
    [['--refreshes', '1.5'], /whole number/],
    [['--lifetime', '5'], /whole number from 30 to 3600/],
    [['--timeout', 'soon'], /whole number/],
    [['-o', 'yaml'], /Allowed choices are text, json/],
    [['--refresh'], /unknown option/],
    [['--strategy', 'Stage'], /Allowed choices are Rolling, Reload/],
    [['--bad-token', '--strategy', 'Reload'], /strategy Rolling only/],
    [['--bad-token', '--lifetime', '60'], /Write --lifetime 90 or more/],
    [['now'], /too many arguments/],
  ] as const) {
    it(`${argv.join(' ')} cannot be used, and the text says why`, () => {
      const parsed = parseDemo(argv);
      assert.equal(parsed.kind, 'invalid');
      assert.match('text' in parsed ? parsed.text : '', message);
    });
  }

  it('--help tells options, environment and exit codes', () => {
    const parsed = parseDemo(['--help']);
    assert.equal(parsed.kind, 'help');
    const text = 'text' in parsed ? parsed.text : '';
    for (const part of ['--refreshes', 'USE_EXISTING_CLUSTER', 'NO_COLOR', '130']) {
      assert.ok(text.includes(part), part);
    }
  });
});
