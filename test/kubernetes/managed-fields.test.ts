import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FieldSet, ManagedFieldsEntry } from '../../src/kubernetes/kubernetes-object.ts';
import { awaitsHandOver, handOver } from '../../src/kubernetes/managed-fields.ts';

function entry(
  manager: string,
  operation: 'Apply' | 'Update',
  fieldsV1: FieldSet,
  more: Partial<ManagedFieldsEntry> = {},
): ManagedFieldsEntry {
  return { manager, operation, apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1, ...more };
}

test('what a manager owns by updates becomes owned by its applies', () => {
  const fields = { 'f:data': { 'f:token': {} } };
  assert.deepEqual(handOver('us', [entry('us', 'Update', fields)]), [entry('us', 'Apply', fields)]);
});

test('an apply entry that is there already takes both', () => {
  const update = entry('us', 'Update', { 'f:data': { '.': {}, 'f:old': {} }, 'f:type': {} });
  const apply = entry('us', 'Apply', { 'f:data': { 'f:token': {} } }, { time: '2030-01-01T00:00:00Z' });
  const both = { 'f:data': { '.': {}, 'f:old': {}, 'f:token': {} }, 'f:type': {} };
  assert.deepEqual(handOver('us', [update, apply]), [{ ...apply, fieldsV1: both }]);
});

test('several updates of a manager, of different versions of the API, become one', () => {
  const updates = [
    entry('us', 'Update', { 'f:a': {} }),
    entry('us', 'Update', { 'f:b': {} }, { apiVersion: 'v2' }),
  ];
  assert.deepEqual(handOver('us', updates), [entry('us', 'Apply', { 'f:a': {}, 'f:b': {} })]);
});

test('entries of others and of subresources stay as they are', () => {
  const others = [
    entry('kubectl', 'Update', { 'f:a': {} }),
    entry('us', 'Update', { 'f:status': {} }, { subresource: 'status' }),
  ];
  assert.deepEqual(handOver('us', others), others);
  assert.deepEqual(handOver('us', [...others, entry('us', 'Update', {})]), [
    ...others,
    entry('us', 'Apply', {}),
  ]);
});

test('what somebody else wrote too, as a restored backup does, is left to our applies alone', () => {
  const applied = entry('us', 'Apply', { 'f:data': { 'f:token': {} }, 'f:type': {} });
  const copy = (data: FieldSet, more: FieldSet = {}) =>
    entry('restore', 'Update', { 'f:data': data, ...more });
  const restored = copy({ '.': {}, 'f:token': {}, 'f:ca.crt': {} }, { 'f:type': {} });
  const handedOver = handOver('us', [restored, applied]);
  assert.deepEqual(handedOver, [copy({ '.': {}, 'f:ca.crt': {} }), applied]);
  assert.equal(awaitsHandOver('us', [restored, applied]), true);
  assert.equal(awaitsHandOver('us', handedOver), false);
});

test('what others have applied, or wrote besides our fields, awaits nothing', () => {
  const applied = entry('us', 'Apply', { 'f:data': { 'f:token': {} } });
  const others = [
    entry('argocd', 'Apply', { 'f:data': { 'f:token': {} } }),
    entry('kubectl', 'Update', { 'f:data': { '.': {}, 'f:ca.crt': {} } }),
  ];
  assert.equal(awaitsHandOver('us', [...others, applied]), false);
  assert.equal(awaitsHandOver('us', others), false, 'before our first apply there is nothing to take');
  assert.deepEqual(handOver('us', [...others, applied]), [...others, applied]);
});
