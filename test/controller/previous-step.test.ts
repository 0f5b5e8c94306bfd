import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Memory } from '../../controller/memory.ts';
import { previousRef } from '../../controller/previous-secret.ts';
import { forgetPrevious, keepPrevious } from '../../controller/previous-step.ts';
import type { Run } from '../../controller/run.ts';
import { OutdatedError, type World } from '../../controller/world.ts';
import { ApiError, type Verb } from '../../src/kubernetes/api-error.ts';
import type { SecretManifest } from '../../src/kubernetes/secret-manifest.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { aBinding, aToken, factsWith, someProgress } from '../support/binding.ts';

const KEY = 'toolbridge/toolbridge-api';
const VALUE = new SecretValue('a-token');
const token = aToken({ id: VALUE.id(KEY) });
const binding = aBinding();
const OWN = { uid: binding.metadata.uid, controller: true, kind: 'TokenBinding', name: 'toolbridge-api' };
const FOREIGN = { ...OWN, uid: 'another', name: 'another' };

/** Answers of the API server to a write, as HTTP status and reason. */
const REFUSALS = [
  [400, 'BadRequest'],
  [403, 'Forbidden'],
  [413, 'RequestEntityTooLarge'],
  [422, 'Invalid'],
] as const;

interface Stage {
  /** Who owns the Secret for the previous token; there is none when absent. */
  readonly owner?: typeof OWN;
  /** What every write of it meets. */
  readonly refusal?: readonly [status: number, reason: string];
}

function stage({ owner, refusal }: Stage = {}) {
  const writes: string[] = [];
  const manifests: SecretManifest[] = [];
  const write = (verb: Verb) => async (manifest?: SecretManifest) => {
    if (refusal) {
      const at = { resource: { apiVersion: 'v1', plural: 'secrets' } };
      throw new ApiError({ verb, at }, { status: refusal[0], reason: refusal[1] });
    }
    writes.push(verb);
    if (manifest?.data) manifests.push(manifest);
  };
  const metadata = { uid: 'p', resourceVersion: '7', labels: {}, annotations: {} };
  const secrets = {
    metadata: () => owner && { ...metadata, ref: previousRef(binding), ownerReferences: [owner] },
    read: async () => ({ metadata, data: new Map([[token.key, VALUE]]) }),
    ...{ create: write('create'), apply: write('patch'), remove: write('delete') },
  };
  const world = { memory: new Memory(), secrets } as unknown as World;
  const progress = someProgress(factsWith(token, { binding }));
  const { signal } = new AbortController();
  const run: Run = { world, key: KEY, signal, binding, progress, secret: undefined };
  return { run, writes, manifests };
}

describe('the previous token', () => {
  it('is kept in a Secret of its own, which goes with the binding', async () => {
    const { run, writes, manifests } = stage();
    assert.deepEqual(await keepPrevious(run), { type: 'previousKept', token });
    assert.deepEqual(writes, ['create']);
    const [manifest] = manifests;
    assert.equal(manifest?.ref.name, 'toolbridge-api-token-previous');
    assert.equal(manifest.ownerReferences[0]?.uid, binding.metadata.uid);
    assert.equal(manifest.data.get('token')?.id(KEY), token.id);
  });

  it('takes the place of the one before it', async () => {
    const { run, writes } = stage({ owner: OWN });
    assert.equal((await keepPrevious(run)).type, 'previousKept');
    assert.deepEqual(writes, ['patch']);
  });

  for (const refusal of [...REFUSALS, [409, 'AlreadyExists']] as const) {
    it(`that cannot be kept (${refusal[1]}) does not hold up the new one`, async () => {
      assert.deepEqual(await keepPrevious(stage({ refusal }).run), { type: 'previousNotKept' });
    });
  }

  for (const refusal of REFUSALS) {
    it(`that cannot be deleted (${refusal[1]}) does not hold up the binding`, async () => {
      const { run } = stage({ owner: OWN, refusal });
      assert.deepEqual(await forgetPrevious(run), { type: 'previousForgotten' });
    });
  }

  it('is deleted where it is ours', async () => {
    const { run, writes } = stage({ owner: OWN });
    assert.deepEqual(await forgetPrevious(run), { type: 'previousForgotten' });
    assert.deepEqual(writes, ['delete']);
  });

  it('makes no Secret of somebody else its own, and deletes none', async () => {
    const { run, writes } = stage({ owner: FOREIGN });
    await keepPrevious(run);
    await forgetPrevious(run);
    assert.deepEqual(writes, ['create'], 'a create cannot overwrite');
  });

  for (const step of [keepPrevious, forgetPrevious]) {
    it(`is looked at again when it changed meanwhile (${step.name})`, async () => {
      const { run } = stage({ owner: OWN, refusal: [409, 'Conflict'] });
      await assert.rejects(step(run), OutdatedError);
    });

    it(`waits for an API server that does not answer (${step.name})`, async () => {
      const { run } = stage({ owner: OWN, refusal: [503, 'ServiceUnavailable'] });
      await assert.rejects(step(run), ApiError);
    });
  }
});
