import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from '../../sandbox/wait-for.ts';

const patience = { what: 'the third look', timeoutMs: 5000 };

test('it looks again until there is a value that will do, and returns it', async () => {
  let looks = 0;
  const seen = await waitFor(() => ++looks, { ...patience, until: (count) => count === 3 });
  assert.equal(seen, 3);
});

test('nothing, null and false will not do', async () => {
  const values = [undefined, null, false, 'there'];
  assert.equal(await waitFor(() => values.shift(), patience), 'there');
});

test('a look that fails is a look that saw nothing', async () => {
  let looks = 0;
  const look = () => {
    looks += 1;
    if (looks < 3) throw new Error('not up yet');
    return 'up';
  };
  assert.equal(await waitFor(look, patience), 'up');
});

test('in vain, the message tells what for, how long, and what was seen last', async () => {
  const waiting = waitFor(() => ({ ready: 'False' }), {
    what: 'the binding to be Ready',
    timeoutMs: 150,
    until: ({ ready }) => ready === 'True',
  });
  await assert.rejects(waiting, {
    message: 'waited 0.15 s in vain for the binding to be Ready; last seen: {"ready":"False"}',
  });
});

test('in vain with failing looks, the message tells the last failure', async () => {
  const look = () => {
    throw new RangeError('no such machine');
  };
  await assert.rejects(waitFor(look, { ...patience, timeoutMs: 0 }), /RangeError: no such machine$/);
});

test('what was seen last is told without secrets', async () => {
  const jwt = `eyJ${'a'.repeat(30)}.eyJ${'b'.repeat(30)}.${'c'.repeat(30)}`;
  const seen = {
    data: { token: 'c2VjcmV0' },
    stringData: { token: 'secret' },
    text: jwt,
    api: 'FlyV1 fm2_abc',
  };
  const waiting = waitFor(() => seen, { ...patience, timeoutMs: 0, until: () => false });
  await assert.rejects(waiting, ({ message }: Error) => {
    assert.doesNotMatch(message, /c2VjcmV0|"secret"|aaaa|bbbb|cccc|abc/);
    return true;
  });
});
