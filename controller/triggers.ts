import { isDeepStrictEqual } from 'node:util';
import { REFRESH_REQUESTED_AT, SKIP_CLEANUP } from '../src/binding/names.ts';
import { cleanupName } from '../src/binding/progress.ts';
import type { TokenBinding } from '../src/binding/token-binding.ts';
import type { TokenBindings } from '../src/kubernetes/bindings.ts';
import type { Secrets } from '../src/kubernetes/secrets.ts';
import { credentialRefOf } from './client-credential.ts';
import type { Term } from './term.ts';
import { keyOfBinding } from './world.ts';

/**
 * Turns changes in the cluster into keys for the queue of the current term. Only keys: whatever changed, a run looks at everything.
 * What people do goes before what time does.
 */
export function wakeOnChange(
  current: () => Pick<Term, 'wake'> | undefined,
  bindings: Pick<TokenBindings, 'list' | 'onChange'>,
  secrets: Pick<Secrets, 'onChange'>,
): void {
  bindings.onChange((key, previous, next, own) => {
    const term = current();
    // The answer to our own write may be the first place where somebody else's edit shows.
    if (!previous || !next) term?.wake(key, next && !isNew(next) ? 'low' : 'high');
    else if (isPersonal(previous, next)) term?.wake(key, 'high');
    else if (!own && !isDeepStrictEqual(previous.status, next.status)) term?.wake(key, 'low');
    if (previous && term)
      for (const freed of freedBy(previous, next, bindings.list())) term.wake(freed, 'high');
  });
  secrets.onChange((key, own) => {
    // Before there is anybody to wake, the first list brings every Secret: each would walk all bindings.
    const term = current();
    if (own || !term) return;
    for (const binding of bindings.list()) {
      if (secretKeysOf(binding).has(key)) term.wake(keyOfBinding(binding), 'high');
    }
  });
}

/** Bindings that write a remote secret which this one has just given up: they may have been waiting for that. */
function freedBy(
  previous: TokenBinding,
  next: TokenBinding | undefined,
  all: readonly TokenBinding[],
): string[] {
  const isLeaving = next === undefined || next.metadata.deletionTimestamp !== undefined;
  const kept = isLeaving ? new Set() : targetsOf(next);
  const given = [...targetsOf(previous)].filter((target) => !kept.has(target));
  if (given.length === 0) return [];
  const others = all.filter(({ metadata }) => metadata.uid !== previous.metadata.uid);
  return others.filter((other) => given.some((target) => targetsOf(other).has(target))).map(keyOfBinding);
}

/** Remote secrets that the binding writes, or is still to unset. */
const targetsOf = ({ spec, status }: TokenBinding) =>
  new Set([...spec.deliveries.map(({ fly }) => fly), ...(status?.cleanups ?? [])].map(cleanupName));

/** Never seen by a controller: somebody has just applied it and is watching. */
const isNew = (binding: TokenBinding) => binding.status === undefined;

/** Whether a person (or their tool) changed something that a run looks at. */
function isPersonal(previous: TokenBinding, current: TokenBinding): boolean {
  const seen = ({ metadata }: TokenBinding) => [
    metadata.uid,
    metadata.generation,
    metadata.deletionTimestamp,
    metadata.annotations?.[REFRESH_REQUESTED_AT],
    metadata.annotations?.[SKIP_CLEANUP],
  ];
  return !isDeepStrictEqual(seen(previous), seen(current));
}

/** Every Secret a binding has to do with, as `namespace/name`. */
function secretKeysOf({ metadata, spec, status }: TokenBinding): Set<string> {
  const names = [
    spec.secret.name,
    credentialRefOf(spec)?.name,
    ...spec.deliveries.map(({ fly }) => fly?.apiTokenRef.name),
    ...(status?.deliveries ?? []).map(({ target }) => target.apiTokenRef.name),
    ...(status?.cleanups ?? []).map(({ apiTokenRef }) => apiTokenRef.name),
  ];
  return new Set(names.map((name) => `${metadata.namespace}/${name}`));
}
