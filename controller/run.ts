import { isDeepStrictEqual } from 'node:util';
import type { Progress } from '../src/binding/progress.ts';
import type { TokenBinding, TokenBindingStatus } from '../src/binding/token-binding.ts';
import type { SecretMetadata } from '../src/kubernetes/secret-metadata.ts';
import type { World } from './world.ts';

/** One reconcile run in hand: what its steps share besides the plan. */
export interface Run {
  readonly world: World;
  readonly key: string;
  /** Ends every call of the run. */
  readonly signal: AbortSignal;
  /** What is planned on, as of the step under way. */
  readonly progress: Progress;
  /** The binding as last seen; its own writes included. */
  binding: TokenBinding;
  /** The target Secret as last seen, to which writes are bound. */
  secret: SecretMetadata | undefined;
}

/** Writes the status unless the cluster has it already. */
export async function recordStatus(run: Run, status: TokenBindingStatus): Promise<void> {
  const { namespace, name, uid } = run.binding.metadata;
  if (isDeepStrictEqual(run.binding.status, status)) return;
  run.binding = await run.world.bindings.patchStatus({ namespace, name }, uid, status, run.signal);
}
