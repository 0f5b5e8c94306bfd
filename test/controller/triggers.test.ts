import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { Priority } from '../../controller/priority.ts';
import { wakeOnChange } from '../../controller/triggers.ts';
import { REFRESH_REQUESTED_AT, SKIP_CLEANUP } from '../../src/binding/names.ts';
import type { ObjectMeta, TokenBinding, TokenBindingStatus } from '../../src/binding/token-binding.ts';
import type { ChangeHandler } from '../../src/kubernetes/store.ts';
import { aBinding, aDelivery } from '../support/binding.ts';

const STATUS: TokenBindingStatus = { observedGeneration: 1 };
const KEY = 'toolbridge/toolbridge-api';
const OTHER = {
  name: 'other',
  clientIdKey: 'id',
  nextClientSecretKey: 'next_client_secret',
  clientSecretKey: 'secret',
};

/** The caches, as far as triggers listen to them. */
class Caches {
  readonly bindings = {
    list: () => this.listed,
    onChange: (handler: ChangeHandler<TokenBinding>) => this.#on(handler),
  };
  readonly secrets = {
    onChange: (handler: (key: string, own: boolean) => void) => {
      this.changeSecret = handler;
    },
  };
  listed: TokenBinding[] = [];
  changeBinding: ChangeHandler<TokenBinding> = () => assert.fail('nobody listens');
  changeSecret: (key: string, own: boolean) => void = () => assert.fail('nobody listens');

  #on(handler: ChangeHandler<TokenBinding>): void {
    this.changeBinding = handler;
  }
}

let caches: Caches;
let woken: [string, Priority][];
let leading = true;
beforeEach(() => {
  caches = new Caches();
  woken = [];
  leading = true;
  const term = { wake: (key: string, priority: Priority) => void woken.push([key, priority]) };
  wakeOnChange(() => (leading ? term : undefined), caches.bindings, caches.secrets);
});

const known = (metadata: Partial<ObjectMeta> = {}, status = STATUS) => aBinding({ metadata, status });

test('a binding that was just applied goes first', () => {
  caches.changeBinding(KEY, undefined, aBinding(), false);
  assert.deepEqual(woken, [[KEY, 'high']]);
});

test('nobody is woken while another replica leads', () => {
  leading = false;
  caches.changeBinding(KEY, undefined, aBinding(), false);
  assert.deepEqual(woken, []);
});

test('one that has a status already, as after a restart, has time', () => {
  caches.changeBinding(KEY, undefined, known(), false);
  assert.deepEqual(woken, [[KEY, 'low']]);
});

test('one that is gone is to be forgotten at once', () => {
  caches.changeBinding(KEY, known(), undefined, false);
  assert.deepEqual(woken, [[KEY, 'high']]);
});

const PERSONAL: Readonly<Record<string, Partial<ObjectMeta>>> = {
  'a changed spec': { generation: 2 },
  'a request to refresh': { annotations: { [REFRESH_REQUESTED_AT]: 'now' } },
  'a request to skip the cleanup': { annotations: { [SKIP_CLEANUP]: 'true' } },
  'a deletion': { deletionTimestamp: '2026-11-24T12:00:00Z' },
  'a new object of the same name': { uid: 'another' },
};
for (const [what, change] of Object.entries(PERSONAL)) {
  for (const own of [false, true]) {
    test(`${what} goes first${own ? ', also when it shows in the answer to a write of ours' : ''}`, () => {
      caches.changeBinding(KEY, known(), known(change), own);
      assert.deepEqual(woken, [[KEY, 'high']]);
    });
  }
}

test('what no run looks at wakes nothing', () => {
  caches.changeBinding(KEY, known(), known({ annotations: { note: 'x' }, resourceVersion: '101' }), false);
  assert.deepEqual(woken, []);
});

test('our own status wakes nothing, that of somebody else is looked at', () => {
  const after = known({}, { observedGeneration: 2 });
  caches.changeBinding(KEY, known(), after, true);
  assert.deepEqual(woken, []);
  caches.changeBinding(KEY, known(), after, false);
  assert.deepEqual(woken, [[KEY, 'low']]);
});

const REFERRING: Readonly<Record<string, TokenBinding>> = {
  'toolbridge-api-token': aBinding(),
  'toolbridge-m2m': aBinding(),
  'fly-deploy': aBinding({ spec: { deliveries: [aDelivery()] } }),
  'fly-before': aBinding({ status: { deliveries: [{ name: 'mcp', target: targetWith('fly-before') }] } }),
  'fly-leftover': aBinding({
    status: {
      cleanups: [{ app: 'a', secretName: 'S', apiTokenRef: { name: 'fly-leftover', key: 'token' } }],
    },
  }),
};

function targetWith(secret: string) {
  const apiTokenRef = { name: secret, key: 'token' };
  return { app: 'a', secretName: 'S', apiTokenRef, deletionPolicy: 'Delete' as const };
}

for (const [secret, binding] of Object.entries(REFERRING)) {
  test(`a change of the Secret ${secret} wakes the binding that has to do with it, and no other`, () => {
    const abroad = { ...binding, metadata: { ...binding.metadata, namespace: 'elsewhere' } };
    const stranger = aBinding({
      metadata: { name: 'stranger' },
      spec: {
        secret: { name: 'x', key: 'k' },
        clientAuthentication: { clientSecret: { method: 'Post', secretRef: OTHER } },
      },
    });
    caches.listed = [abroad, binding, stranger];
    caches.changeSecret(`toolbridge/${secret}`, false);
    assert.deepEqual(woken, [[KEY, 'high']]);
  });
}

test('a Secret that we wrote ourselves wakes nothing', () => {
  caches.listed = [aBinding()];
  caches.changeSecret('toolbridge/toolbridge-api-token', true);
  assert.deepEqual(woken, []);
});
