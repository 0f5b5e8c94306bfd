import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FieldSet, ManagedFieldsEntry } from '../../src/kubernetes/kubernetes-object.ts';
import { handOver } from '../../src/kubernetes/managed-fields.ts';

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
