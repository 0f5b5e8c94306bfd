import type { FieldSet, ManagedFieldsEntry } from './kubernetes-object.ts';

/** Whether an entry is what a plain write (POST, PUT, merge patch) by that manager left on the object. */
export function isUpdateOf(manager: string, entry: ManagedFieldsEntry): boolean {
  return entry.manager === manager && entry.operation === 'Update' && entry.subresource === undefined;
}

/**
 * Hands the fields that a manager owns by plain writes over to its applies. Without this a field once
 * created by POST could never be dropped by an apply that leaves it out: the POST's entry would still own it.
 *
 * Same outcome as client-go's `csaupgrade` (https://pkg.go.dev/k8s.io/client-go/util/csaupgrade).
 */
export function handOver(manager: string, entries: readonly ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  const updates = entries.filter((entry) => isUpdateOf(manager, entry));
  const applied = entries.find((entry) => isApplyOf(manager, entry));
  const [first] = updates;
  if (first === undefined) return [...entries];
  const fieldsV1 = [...updates, ...(applied === undefined ? [] : [applied])]
    .map((entry) => entry.fieldsV1)
    .reduce(union);
  const others = entries.filter((entry) => !updates.includes(entry) && entry !== applied);
  return [...others, { ...(applied ?? first), operation: 'Apply', fieldsV1 }];
}

function isApplyOf(manager: string, entry: ManagedFieldsEntry): boolean {
  return entry.manager === manager && entry.operation === 'Apply' && entry.subresource === undefined;
}

function union(left: FieldSet, right: FieldSet): FieldSet {
  const merged: Record<string, FieldSet> = { ...left };
  for (const [path, fields] of Object.entries(right)) merged[path] = union(merged[path] ?? {}, fields);
  return merged;
}
