import type { CredentialFact, Facts, HeldFact, SecretFact } from '../src/binding/facts.ts';
import { forecastOf } from '../src/binding/forecast.ts';
import { cleanupName } from '../src/binding/progress.ts';
import { fromAnnotations, type StoredToken } from '../src/binding/stored-token.ts';
import { retarget } from '../src/binding/targets.ts';
import type { TokenBinding } from '../src/binding/token-binding.ts';
import { FailureError } from '../src/failure.ts';
import type { ObjectRef } from '../src/kubernetes/object-ref.ts';
import type { SecretMetadata } from '../src/kubernetes/secret-metadata.ts';
import { AppClaims } from './app-claims.ts';
import { accountVersion, credentialRefOf } from './client-credential.ts';
import { readCredential, valueAt, versionOf } from './credential.ts';
import { driftTimes } from './drift-times.ts';
import { byWallNow, instantOf, steppedSince } from './instant.ts';
import type { Reading } from './memory.ts';
import { observePrevious } from './previous-secret.ts';
import { fingerprint } from './source.ts';
import { foreignOwner, isShaped } from './token-secret.ts';
import { keyOfBinding, type World } from './world.ts';

/** What a run starts from. */
export interface Observation {
  readonly facts: Facts;
  /** The target Secret as seen, to which writes are bound; undefined when there is none. */
  readonly secret: SecretMetadata | undefined;
}

/** Gathers the facts of one binding; asks the API server only for what no cache or memory knows. */
export async function observe(
  world: World,
  binding: TokenBinding,
  signal: AbortSignal,
): Promise<Observation> {
  const key = keyOfBinding(binding);
  const target = await readTarget(world, binding, signal);
  const secret = target ? secretFact(binding, target) : ({ state: 'absent' } as const);
  const hasToken = secret.state === 'ours' && secret.token !== undefined;
  const setBackMs = setBack(world, key, secret);
  const facts: Facts = {
    ...{ now: world.clock.now() + setBackMs, setBackMs },
    random: world.random(),
    binding,
    credential: await credentialFact(world, binding, hasToken, signal),
    secret,
    claimedElsewhere: claimedElsewhere(world, binding),
    held: heldFact(world, binding),
    forecast: forecastOf(sharers(world, binding)),
    previous: await observePrevious(world, binding, signal),
    ...appFacts(world, binding),
  };
  return { facts, secret: target?.metadata };
}

/** What concerns the apps of the deliveries: other bindings, and whether it is time to compare. */
function appFacts(
  world: World,
  binding: TokenBinding,
): Pick<Facts, 'apiTokenVersions' | 'rivals' | 'awaited' | 'driftDueAt' | 'unchecked'> {
  const claims = new AppClaims(binding, world.bindings.list());
  const { deliveries } = retarget(binding);
  const now = world.clock.now();
  const versions = apiTokenVersions(world, binding);
  const namesOf = (records: typeof deliveries) => records.map(({ name }) => name);
  return {
    rivals: namesOf(deliveries.filter((record) => claims.isRival(record))),
    awaited: namesOf(deliveries.filter(({ target }) => claims.isAwaited(target.app, now))),
    apiTokenVersions: versions,
    ...driftTimes(world, binding, versions),
  };
}

interface Target {
  readonly metadata: SecretMetadata;
  readonly ids: ReadonlyMap<string, string>;
}

/** The cache knows labelled Secrets only; what it does not know may still exist, as a foreign one does. */
async function readTarget(
  world: World,
  binding: TokenBinding,
  signal: AbortSignal,
): Promise<Target | undefined> {
  const { memory, secrets } = world;
  const key = keyOfBinding(binding);
  const ref: ObjectRef = { namespace: binding.metadata.namespace, name: binding.spec.secret.name };
  const cached = secrets.metadata(ref);
  const known = memory.readings.get(key);
  if (cached && known?.version === versionOf(cached)) return { metadata: cached, ids: known.ids };
  const reading = await secrets.read(ref, signal);
  if (!reading) return undefined;
  const ids = new Map(Array.from(reading.data, ([name, value]) => [name, value.id(key)]));
  memory.readings.set(key, { version: versionOf(reading.metadata), ids } satisfies Reading);
  return { metadata: reading.metadata, ids };
}

function secretFact(binding: TokenBinding, { metadata, ids }: Target): SecretFact {
  const owner = foreignOwner(binding, metadata);
  if (owner !== undefined) return { state: 'foreign', owner };
  const token = intactToken(metadata, ids);
  return { state: 'ours', token, shaped: token !== undefined && isShaped(binding, token, { metadata, ids }) };
}

/** The annotated token, when the data still holds it: an edited value is nobody's token. */
function intactToken(metadata: SecretMetadata, ids: ReadonlyMap<string, string>): StoredToken | undefined {
  const token = fromAnnotations(metadata.annotations);
  return token && ids.get(token.key) === token.id ? token : undefined;
}

/**
 * How far the wall clock was set back since the Secret holds its token, in ms: a token ages by the clock that
 * cannot jump. One set forward counts as right, at the cost of an early renewal.
 */
function setBack({ memory, clock }: World, key: string, secret: SecretFact): number {
  const tokenId = secret.state === 'ours' ? secret.token?.id : undefined;
  if (tokenId === undefined) return 0;
  const anchor = memory.anchors.get(key);
  if (anchor?.tokenId === tokenId) return Math.max(0, -steppedSince(anchor, clock));
  memory.anchors.set(key, { tokenId, ...instantOf(clock) });
  return 0;
}

/** The held token; its times follow the wall clock when that is stepped before the Secret has them. */
function heldFact({ memory, clock }: World, binding: TokenBinding): HeldFact | undefined {
  const key = keyOfBinding(binding);
  const held = memory.held.get(key);
  if (held?.uid !== binding.metadata.uid) return undefined;
  if (steppedSince(held.at, clock) === 0) return held;
  const current = { ...held, token: byWallNow(held.token, held.at, clock), at: instantOf(clock) };
  memory.held.set(key, current);
  return current;
}

/** The client id is read only when there is a token to compare with, and once per version of the Secret. */
async function credentialFact(
  world: World,
  binding: TokenBinding,
  hasToken: boolean,
  signal: AbortSignal,
): Promise<CredentialFact> {
  const account = binding.spec.clientAuthentication.serviceAccountToken;
  if (account) {
    const version = accountVersion(account.serviceAccountName);
    return { version, fingerprint: fingerprint(binding, account.clientId) };
  }
  const reference = credentialRefOf(binding.spec);
  const ref = { namespace: binding.metadata.namespace, name: reference?.name ?? '' };
  const cached = world.secrets.metadata(ref);
  if (!cached || !reference) return { version: 'absent' };
  const { clientIdKey } = reference;
  const version = versionOf(cached);
  const key = keyOfBinding(binding);
  const known = world.memory.clients.get(key);
  if (known?.version === version && known.clientIdKey === clientIdKey)
    return { version, fingerprint: fingerprint(binding, known.clientId) };
  if (!hasToken) return { version };
  try {
    const read = await readCredential(world.secrets, { ref, keys: [clientIdKey] }, signal);
    const clientId = valueAt(read, clientIdKey).reveal();
    world.memory.clients.set(key, { version: read.version, clientIdKey, clientId });
    return { version, fingerprint: fingerprint(binding, clientId) };
  } catch (error) {
    if (error instanceof FailureError) return { version };
    throw error;
  }
}

/** The bindings, this one included, that draw on the same client of a provider. */
function sharers(world: World, binding: TokenBinding): TokenBinding[] {
  const { namespace } = binding.metadata;
  const client = clientName(binding);
  return world.bindings
    .list()
    .filter((other) => other.metadata.namespace === namespace && clientName(other) === client);
}

function clientName({ spec }: TokenBinding): string {
  const { auth0, oauth2 } = spec.source;
  const { serviceAccountToken } = spec.clientAuthentication;
  const where = auth0?.domain ?? oauth2?.issuer ?? oauth2?.tokenEndpoint;
  return `${where} ${credentialRefOf(spec)?.name ?? serviceAccountToken?.clientId}`;
}

function apiTokenVersions(world: World, binding: TokenBinding): Record<string, string> {
  const { namespace } = binding.metadata;
  const names = [
    ...binding.spec.deliveries.map(({ fly }) => fly?.apiTokenRef.name),
    ...(binding.status?.deliveries ?? []).map(({ target }) => target.apiTokenRef.name),
    ...(binding.status?.cleanups ?? []).map(({ apiTokenRef }) => apiTokenRef.name),
  ];
  const versions: Record<string, string> = {};
  for (const name of names) {
    const metadata = name === undefined ? undefined : world.secrets.metadata({ namespace, name });
    if (name !== undefined && metadata) versions[name] = versionOf(metadata);
  }
  return versions;
}

/**
 * Only what others have proven to be able to write counts: whoever may create a binding could else keep a secret
 * from being unset by naming it. Looked up only where there is something to unset.
 */
function claimedElsewhere(world: World, binding: TokenBinding): string[] {
  if (retarget(binding).cleanups.length === 0) return [];
  const others = world.bindings
    .list()
    .filter(
      ({ metadata }) => metadata.uid !== binding.metadata.uid && metadata.deletionTimestamp === undefined,
    );
  return others
    .flatMap((other) => retarget(other).deliveries)
    .filter(({ tokenId }) => tokenId !== undefined)
    .map(({ target }) => cleanupName(target));
}
