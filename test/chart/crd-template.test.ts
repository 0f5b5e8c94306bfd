import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { V1CustomResourceDefinition } from '@kubernetes/client-node';
import { crdTemplate } from '../../charts/sync-crd.ts';
import { CRD_NAME, find, readYaml, render } from './chart.ts';

const KIND = 'CustomResourceDefinition';
const HAND_WRITTEN = new URL(`../../crds/${CRD_NAME}.yaml`, import.meta.url);

test('the chart installs the CRD as it is written in crds/', async () => {
  const rendered = find<V1CustomResourceDefinition>(render(), KIND, CRD_NAME);
  const { metadata, ...rest } = await readYaml(HAND_WRITTEN);
  assert.deepEqual({ ...rendered, metadata: undefined }, { ...rest, metadata: undefined });
  assert.deepEqual({ name: rendered.metadata?.name }, metadata);
});

test('the CRD outlives the release unless crds.keep is false', () => {
  const annotations = (values: object) => find(render(values), KIND, CRD_NAME).metadata?.annotations;
  assert.deepEqual(annotations({}), { 'helm.sh/resource-policy': 'keep' });
  assert.equal(annotations({ crds: { keep: false } }), undefined);
});

test('the CRD can be left to somebody else', () => {
  const kinds = render({ crds: { install: false } }).map((object) => object.kind);
  assert.ok(!kinds.includes(KIND));
});

test('braces of the CRD are text to Helm', () => {
  const crd = 'metadata:\n  name: a\nspec:\n  description: "{{ .Values }} and $& $1"\n';
  assert.match(crdTemplate(crd), /description: "\{\{ "\{\{" \}\} \.Values \}\} and \$& \$1"/);
});

test('a CRD with labels or annotations of its own is refused, since the chart would hide them', () => {
  const crd = 'metadata:\n  name: a\n  labels: {b: c}\nspec: {}\n';
  assert.throws(() => crdTemplate(crd), /`metadata` with `name` alone/);
});
