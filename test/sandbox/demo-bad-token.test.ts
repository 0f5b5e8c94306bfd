import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BadToken } from '../../sandbox/demo-bad-token.ts';
import { bindingWith, delivering, rolledOut, snapshot } from './snapshots.ts';

/** An API that remembers what it is to refuse, and an issuer that has issued one token. */
function outside() {
  const denials: ((tokenId: string) => boolean)[] = [];
  const api = {
    refuse: (which: string | ((tokenId: string) => boolean)) =>
      void denials.push(typeof which === 'string' ? (id) => id === which : which),
    relent: () => void denials.splice(0),
  };
  const issued = [{ tokenId: 'jti-1' }];
  const world = { api, issuer: { issued } } as unknown as ConstructorParameters<typeof BadToken>[0];
  return { world, refuses: (tokenId: string) => denials.some((denies) => denies(tokenId)) };
}

const taking = (rollbackMachine?: string) => {
  const said = { tokenId: 'a', rejectedTokenId: 'b', ...(rollbackMachine && { rollbackMachine }) };
  return snapshot({ binding: delivering(bindingWith('b'), said) });
};

describe('a bad token', () => {
  it('is any but the first, from when that is everywhere until one was taken back', () => {
    const { world, refuses } = outside();
    const bad = new BadToken(world);
    assert.deepEqual(bad.act(snapshot()), []);
    assert.ok(!refuses('jti-2'));
    assert.equal(bad.act(rolledOut('a')).length, 1);
    assert.deepEqual([refuses('jti-1'), refuses('jti-2')], [false, true]);
    assert.deepEqual(bad.act(taking('m1')), [], 'the machine does not have the one before yet');
    assert.ok(refuses('jti-2'));
    assert.equal(bad.act(taking()).length, 1);
    assert.ok(!refuses('jti-2'));
  });

  it('comes only once', () => {
    const { world, refuses } = outside();
    const bad = new BadToken(world);
    for (const one of [rolledOut('a'), taking(), rolledOut('c')]) bad.act(one);
    assert.deepEqual(bad.act(rolledOut('d')), []);
    assert.ok(!refuses('jti-3'));
  });
});
