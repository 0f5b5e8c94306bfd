import type { Happening, Tally } from './journal.ts';
import {
  type ConditionView,
  conditionOf,
  currentTokenId,
  type MachineView,
  type Snapshot,
} from './snapshot.ts';

export type Colour = 'bold' | 'dim' | 'green' | 'yellow' | 'red';

/** Colours a text, or does not. */
export type Paint = (colour: Colour, text: string) => string;

export interface FrameModel {
  readonly snapshot: Snapshot;
  readonly tally: Readonly<Tally>;
  readonly refreshesWanted: number | undefined;
  readonly happenings: readonly Happening[];
  /** Epoch ms. */
  readonly startedAt: number;
}

const SHOWN_HAPPENINGS = 8;
/** Shown in this order when present; others after them. */
const CONDITIONS = ['Ready', 'Issued', 'Delivered', 'Reconciling', 'Stalled'];

/** One picture of the demo, in lines that are not yet cut to a width: on a low terminal the newest happenings stay. */
export function frame(model: FrameModel, paint: Paint, rows = Number.POSITIVE_INFINITY): string[] {
  const { snapshot, startedAt } = model;
  const title = (text: string) => paint('bold', text);
  const fixed = [
    `${title('TokenBinding sandbox')}  ${duration(snapshot.at - startedAt)}  ${paint('dim', 'Ctrl-C ends it')}`,
    '',
    ...bindingLines(model, paint),
    '',
    title('Machines'),
    ...snapshot.machines.map((machine) => machineLine(machine, snapshot, paint)),
    '',
    title('Calls'),
    `  ${callLine(snapshot, paint)}`,
    '',
    title('What just happened'),
  ];
  const room = Math.max(1, Math.min(SHOWN_HAPPENINGS, rows - fixed.length));
  return [...fixed, ...model.happenings.slice(-room).map((one) => `  ${happeningLine(one, paint)}`)].slice(
    0,
    rows,
  );
}

/** `10:05:07 text`, trouble in red. */
export function happeningLine({ at, text, isTrouble }: Happening, paint: Paint): string {
  return `${paint('dim', clockTime(at))} ${isTrouble ? paint('red', text) : text}`;
}

/** What became of the calls so far. */
export function callLine({ calls }: Snapshot, paint: Paint): string {
  if (!calls) return 'none yet: they begin when every machine has its first token';
  const bad = (count: number, what: string) => paint(count > 0 ? 'red' : 'dim', `${count} ${what}`);
  return [
    paint('green', `${calls.ok} ok`),
    bad(calls.failed, 'failed'),
    bad(calls.refused, 'refused for their token'),
    paint('dim', `${calls.reopened} sessions reopened`),
  ].join(' · ');
}

function bindingLines({ snapshot, tally, refreshesWanted }: FrameModel, paint: Paint): string[] {
  const { metadata, status } = snapshot.binding ?? {};
  const wanted = refreshesWanted === undefined ? '' : ` of ${refreshesWanted}`;
  const token = status?.token
    ? `token ${status.token.id}, ${left(Date.parse(status.token.expiresAt), snapshot.at)}, next refresh in ` +
      seconds(Date.parse(status.nextRefreshTime ?? '') - snapshot.at)
    : 'no token yet';
  return [
    `${paint('bold', 'Binding')}  ${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`,
    `  ${token}`,
    `  deliveries ${status?.deliveriesReady ?? '-'}, refreshes ${tally.refreshes}${wanted}`,
    ...conditionsOf(snapshot).map((condition) => `  ${conditionLine(condition, paint)}`),
  ];
}

function conditionsOf(snapshot: Snapshot): ConditionView[] {
  return CONDITIONS.flatMap((type) => conditionOf(snapshot, type) ?? []);
}

function conditionLine({ type, status, reason, message }: ConditionView, paint: Paint): string {
  const isGood = type === 'Stalled' ? status !== 'True' : status === 'True';
  return `${paint(isGood ? 'green' : 'red', `${type}=${status}`.padEnd(17))} ${reason.padEnd(12)} ${paint('dim', message)}`;
}

function machineLine(machine: MachineView, snapshot: Snapshot, paint: Paint): string {
  const { id, state, health, tokenId, expiresAt } = machine;
  const isCurrent = tokenId !== undefined && tokenId === currentTokenId(snapshot);
  const token = tokenId === undefined ? '-'.padEnd(16) : paint(isCurrent ? 'green' : 'yellow', tokenId);
  const life = expiresAt === undefined ? 'no token' : left(expiresAt, snapshot.at);
  return `  ${id}  ${state.padEnd(9)}  ${token}  ${life}  ${paint('dim', health ?? 'does not answer')}`;
}

const left = (expiresAt: number, now: number) =>
  expiresAt > now ? `${seconds(expiresAt - now)} left` : 'expired';
const seconds = (ms: number) => (Number.isNaN(ms) ? '-' : `${Math.max(0, Math.round(ms / 1000))} s`);
const clockTime = (at: number) => new Date(at).toTimeString().slice(0, 8);

function duration(ms: number): string {
  const whole = Math.round(ms / 1000);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
