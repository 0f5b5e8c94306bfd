import type { JsonObject } from '@fly/machines-api';

/** The value when it is a JSON object, else an empty one: absent and malformed mean the same to a reader. */
export function object(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** The value when it is an array, else an empty one. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The members of a JSON object that are texts; empty when it is none. */
export function texts(value: unknown): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(object(value)).flatMap(([key, text]) => (typeof text === 'string' ? [[key, text]] : [])),
  );
}
