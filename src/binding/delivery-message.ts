import type { Failure } from '../failure.ts';
import type { Attempts } from './attempts.ts';
import { timestamp } from './conditions.ts';
import { rejection } from './delivery.ts';
import { nextRefresh } from './due.ts';
import type { Progress } from './progress.ts';
import { isRejected, livePrevious, previousSecretName, retrialTime, rollsBack } from './rollback.ts';
import type { DeliveryRecord } from './targets.ts';

/** A failure with what the consumers of the delivery hold meanwhile, and when it is tried again. */
export function outlook(run: Progress, record: DeliveryRecord, failure: Failure, attempts: Attempts): string {
  return `${failure.message} ${holdings(run, record)} Next attempt ${attempts.nextTime}.`;
}

function holdings(run: Progress, record: DeliveryRecord): string {
  const { token, facts } = run;
  const { name } = facts.binding.spec.secret;
  const { heldUntil, rollbackMachine } = record;
  if (rollbackMachine !== undefined && isRejected(run, record)) {
    const others = `Machines other than ${rollbackMachine} hold the previous token, valid until ${heldUntil}`;
    return `${others}; Secret ${name} holds the new one.`;
  }
  if (heldUntil === undefined) return `No machine had a token before; Secret ${name} holds it.`;
  if (token && heldUntil === timestamp(token.expiresAt))
    return `Machines that nobody changed since it was delivered hold the token, valid until ${heldUntil}.`;
  const isOver = Date.parse(heldUntil) <= facts.now;
  const before = isOver ? `one that expired at ${heldUntil}` : `the one before, valid until ${heldUntil}`;
  return `Machines that lack the new token hold ${before}; Secret ${name} holds the new one.`;
}

/** A machine refused the token, and is about to get the one before. */
export function goingBack({ previous }: Progress, failure: Failure): string {
  return `${failure.message} The machine is given the previous token (${previous?.id}) back.`;
}

/** The machine that refused the token has the one before again. */
export function wentBack(run: Progress, record: DeliveryRecord): string {
  const { previous, token, facts } = run;
  const until = timestamp(previous?.expiresAt ?? facts.now);
  const parts = [
    rejection(record)?.message,
    `Token ${token?.id} was taken back: machine ${record.rollbackMachine} of the Fly app ${record.target.app} has`,
    `the previous one (${previous?.id}) again. Machines that had no later one hold that, valid until ${until}; Secret`,
    `${facts.binding.spec.secret.name} holds the new one.`,
    retrial(run, record),
  ];
  return parts.filter((part) => part !== undefined).join(' ');
}

function retrial(run: Progress, { rejections = 0 }: DeliveryRecord): string {
  const renewal = nextRefresh(run);
  const early = retrialTime(run);
  if (early !== undefined) return `A fresh token is tried at ${timestamp(Math.min(early, renewal))}.`;
  const next = `the next one is tried with the renewal at ${timestamp(renewal)}, or when a refresh is requested.`;
  return rejections > 1 ? `${rejections} tokens in a row were refused; ${next}` : `T${next.slice(1)}`;
}

/** A machine refused the token, and there is no way back. */
export function stranded(run: Progress, record: DeliveryRecord, failure: Failure): string {
  const vault = "The app's secret holds the new token: a machine that is updated or made anew gets it, too.";
  return `${failure.message} No rollback: ${obstacle(run, record)} ${vault}`;
}

function obstacle(run: Progress, record: DeliveryRecord): string {
  const { token, previous, facts } = run;
  const { heldUntil } = record;
  if (!rollsBack(run, record)) return 'onFailure is Halt.';
  if (heldUntil === undefined) return 'there is no previous token.';
  if (token && heldUntil === timestamp(token.expiresAt)) return 'the machines had this token before.';
  if (previous ? !livePrevious(run) : Date.parse(heldUntil) <= facts.now)
    return `the previous token has expired (${heldUntil}).`;
  const name = previousSecretName(facts.binding.spec.secret.name);
  return (
    `the previous token could not be kept in Secret ${name} (it belongs to somebody else, or the API server ` +
    'refused it).'
  );
}

/** The machine that refused the token does not get well with the one before either. */
export function unwellEitherWay({ rollbackMachine }: DeliveryRecord, failure: Failure): string {
  return (
    `Machine ${rollbackMachine} is not well with the previous token either: the machine, not the token, is likely ` +
    "at fault. The app's secret holds the previous token. Mend or destroy the machine, then request a refresh. " +
    failure.message
  );
}

/** The rollout took longer than it may, and stands. `limit` as the spec writes it. */
export function tooLong(record: DeliveryRecord, limit: string, note: string | undefined): string {
  const { target, rollbackMachine } = record;
  const what =
    rollbackMachine === undefined
      ? 'the rollout takes longer'
      : `giving machine ${rollbackMachine} the previous token back takes longer`;
  const advice = `See \`fly status -a ${target.app}\`.`;
  const text = `Fly app ${target.app}: ${what} than rollout.timeout (${limit}) and comes no further.`;
  return note === undefined ? `${text} ${advice}` : `${text} ${note} ${advice}`;
}

/** For a rollout that takes longer than it may, and comes further. */
export function overtime(limit: string, note: string | undefined): string {
  const text = `The rollout takes longer than rollout.timeout (${limit}); it goes on while it reaches machines.`;
  return note === undefined ? text : `${text} ${note}`;
}
