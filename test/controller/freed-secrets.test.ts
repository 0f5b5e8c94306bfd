import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wakeOnChange } from '../../controller/triggers.ts';
import type { TokenBinding, TokenBindingStatus } from '../../src/binding/token-binding.ts';
import type { ChangeHandler } from '../../src/kubernetes/store.ts';
import { recorded } from '../binding/results.ts';
import { aBinding, aDelivery } from '../support/binding.ts';

const [delivery] = recorded('Delete').deliveries;
const cleanup = delivery?.target;
const leaving = (cleanups: object[]): TokenBinding =>
  aBinding({ metadata: { uid: 'a', name: 'leaving' }, status: { cleanups } as TokenBindingStatus });
const waiting = aBinding({ metadata: { uid: 'b', name: 'waiting' }, spec: { deliveries: [aDelivery()] } });

/** The keys that are woken when a binding changes. */
function wokenBy(previous: TokenBinding, next: TokenBinding | undefined): string[] {
  const woken: string[] = [];
  let change: ChangeHandler<TokenBinding> = () => assert.fail('nobody listens');
  const onChange = (handler: ChangeHandler<TokenBinding>) => {
    change = handler;
  };
  const bindings = { list: () => [waiting, ...(next ? [next] : [])], onChange };
  wakeOnChange(() => ({ wake: (key: string) => void woken.push(key) }), bindings as never, {
    onChange: () => {},
  });
  change('toolbridge/leaving', previous, next, true);
  return woken.filter((key) => key === 'toolbridge/waiting');
}

test('a binding that waits for a secret is woken when another has unset it, and when that goes', () => {
  assert.ok(cleanup);
  assert.equal(wokenBy(leaving([cleanup]), leaving([])).length, 1);
  assert.equal(wokenBy(leaving([cleanup]), undefined).length, 1);
  assert.equal(wokenBy(leaving([cleanup]), leaving([cleanup])).length, 0);
});
