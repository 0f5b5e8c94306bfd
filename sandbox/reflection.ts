/**
 * The three functions of metadata reflection that `tsyringe`, inside `@peculiar/x509`, demands at import time.
 * Import this module before `@peculiar/x509`.
 */
type Metadata = Map<PropertyKey, unknown>;

interface MetadataReflection {
  getMetadata?(key: PropertyKey, target: object): unknown;
  getOwnMetadata?(key: PropertyKey, target: object): unknown;
  defineMetadata?(key: PropertyKey, value: unknown, target: object): void;
}

const metadata = new WeakMap<object, Metadata>();
const own = (key: PropertyKey, target: object) => metadata.get(target)?.get(key);
const reflection = Reflect as MetadataReflection;

reflection.getMetadata ??= own;
reflection.getOwnMetadata ??= own;
reflection.defineMetadata ??= (key, value, target) => {
  const entries = metadata.get(target) ?? new Map();
  metadata.set(target, entries.set(key, value));
};
