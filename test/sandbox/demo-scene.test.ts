import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { demoScene } from '../../sandbox/demo-scene.ts';
import { STRATEGIES } from '../../sandbox/fleet.ts';

describe('the scene of the demo', () => {
  it('fits into 80 columns, however it is set', () => {
    for (const strategy of STRATEGIES)
      for (const badToken of [false, true])
        for (const lifetime of [30, 3600]) {
          const wide = demoScene({ strategy, badToken, lifetime }).filter((line) => line.length > 80);
          assert.deepEqual(wide, [], strategy);
        }
  });

  it('tells what machines do and what a token means to them', () => {
    const text = (strategy: 'Rolling' | 'Reload', badToken = false) =>
      demoScene({ strategy, badToken, lifetime: 60 }).join(' ');
    assert.match(text('Rolling'), /these for 60 s/);
    assert.match(text('Rolling'), /get it by a restart/);
    assert.match(text('Reload'), /No machine restarts/);
    assert.doesNotMatch(text('Rolling'), /Token 2/);
    assert.match(text('Rolling', true), /Token 2 will be issued and verified well, yet the API refuses it/);
  });
});
