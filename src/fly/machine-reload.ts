import type { ObservedMachine } from './observed-machine.ts';
import { reloadNoteFor } from './reload-note.ts';
import type { Mishap } from './rollout-progress.ts';
import type { RolloutTurn } from './rollout-turn.ts';

/**
 * Writes standard input into the file that `$1` names, so that a reader finds the old content or the new one, never
 * a part. Its owner alone may read it, and that is whoever owns the directory: exec need not run as the app does.
 */
const SCRIPT = [
  'd="$(dirname -- "$1")"',
  'mkdir -p -- "$d"',
  'umask 077',
  'rm -f -- "$1.tmp"',
  'cat > "$1.tmp"',
  '{ chown "$(stat -c %u:%g -- "$d")" "$1.tmp" 2> /dev/null || :; }',
  'mv -f -- "$1.tmp" "$1"',
].join(' && ');

/** A few KiB are written in no time. Well below the deadline of a call. */
const EXEC_SECONDS = 5;

/**
 * Has a running machine re-read the value: writes the file, then leaves a note, so that a crash in between repeats
 * the write. No lease is taken: Fly runs no command in a leased machine, not even for the holder.
 */
export async function reloadMachine(turn: RolloutTurn, id: string): Promise<Mishap | undefined> {
  const { machines, target, policy, clock, signal } = turn.context;
  const { reload } = policy;
  const key = turn.reloadNote;
  if (!reload || key === undefined) throw new Error('Reload needs a path and a value');
  const fresh = await machines.get(id, signal);
  turn.see(id, fresh?.observed);
  if (!fresh || !turn.isNext('reload', id)) return undefined;
  const machine = fresh.observed;
  const command = ['/bin/sh', '-c', SCRIPT, 'sh', reload.path];
  const execution = { command, stdin: reload.value, timeoutSeconds: EXEC_SECONDS };
  const code = await machines.exec(id, execution, signal);
  if (code !== 0) return { machine, what: unwritten(reload.path, code), refused: false };
  turn.reached.add(id);
  const note = reloadNoteFor(machine, target.secretsVersion, clock.now());
  await machines.note(id, key, note, signal);
  const noted: ObservedMachine = { ...machine, metadata: new Map([...machine.metadata, [key, note]]) };
  turn.see(id, noted);
  if (!turn.plan().proven) await turn.observe(noted);
  return undefined;
}

function unwritten(path: string, code: number): string {
  return `could not write ${path} (exit code ${code}): it takes /bin/sh and a place that can be written to`;
}
