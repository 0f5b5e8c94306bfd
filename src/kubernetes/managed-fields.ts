import type { FieldSet, ManagedFieldsEntry } from './kubernetes-object.ts';

/**
 * Whether an apply by that manager could not drop every field that it has set: a plain write of its own (POST,
 * PUT, merge patch) owns some, or somebody else's does, such as that of a tool that restored a backup.
 */
export function awaitsHandOver(manager: string, entries: readonly ManagedFieldsEntry[]): boolean {
  const applied = entries.find((entry) => isApplyOf(manager, entry))?.fieldsV1 ?? {};
  return entries.some(
    (entry) => isUpdateOf(manager, entry) || (isUpdate(entry) && overlaps(entry.fieldsV1, applied)),
  );
}

/**
 * Hands the fields that a manager owns by plain writes over to its applies, and makes it the only plain writer
 * of them. Without this a field once created by POST, or restored from a backup, could never be dropped by an
 * apply that leaves it out: the other entry would still own it. What others have applied stays theirs.
 *
 * For the manager's own entries the same outcome as client-go's `csaupgrade`
 * (https://pkg.go.dev/k8s.io/client-go/util/csaupgrade).
 */
export function handOver(manager: string, entries: readonly ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  const applied = entries.find((entry) => isApplyOf(manager, entry));
  const own = entries.filter((entry) => isUpdateOf(manager, entry) || entry === applied);
  const [first] = own;
  if (first === undefined) return [...entries];
  const fieldsV1 = own.map((entry) => entry.fieldsV1).reduce(union);
  const others = entries
    .filter((entry) => !own.includes(entry))
    .map((entry) => (isUpdate(entry) ? { ...entry, fieldsV1: difference(entry.fieldsV1, fieldsV1) } : entry));
  return [...others, { ...(applied ?? first), operation: 'Apply', fieldsV1 }];
}

const isUpdate = ({ operation, subresource }: ManagedFieldsEntry) =>
  operation === 'Update' && subresource === undefined;

const isUpdateOf = (manager: string, entry: ManagedFieldsEntry) =>
  entry.manager === manager && isUpdate(entry);

function isApplyOf(manager: string, entry: ManagedFieldsEntry): boolean {
  return entry.manager === manager && entry.operation === 'Apply' && entry.subresource === undefined;
}

function union(left: FieldSet, right: FieldSet): FieldSet {
  const merged: Record<string, FieldSet> = { ...left };
  for (const [path, fields] of Object.entries(right)) merged[path] = union(merged[path] ?? {}, fields);
  return merged;
}

function difference(left: FieldSet, right: FieldSet): FieldSet {
  const rest: Record<string, FieldSet> = {};
  for (const [path, fields] of Object.entries(left)) {
    const other = right[path];
    const kept = other === undefined ? fields : difference(fields, other);
    if (other === undefined || !isEmpty(kept)) rest[path] = kept;
  }
  return rest;
}

function overlaps(left: FieldSet, right: FieldSet): boolean {
  return Object.entries(left).some(([path, fields]) => {
    const other = right[path];
    return other !== undefined && (isEmpty(fields) || overlaps(fields, other));
  });
}

const isEmpty = (fields: FieldSet) => Object.keys(fields).length === 0;
