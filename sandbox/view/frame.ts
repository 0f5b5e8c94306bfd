import type { Happening, Tally } from './journal.ts';
import { machineLine } from './machine-line.ts';
import { type Names, shortId } from './names.ts';
import type { Paint } from './paint.ts';
import { type ConditionView, conditionOf, deliveryOf, type Snapshot } from './snapshot.ts';
import { seconds } from './story.ts';

export interface FrameModel {
  readonly snapshot: Snapshot;
  readonly names: Names;
  readonly tally: Readonly<Tally>;
  readonly refreshesWanted: number | undefined;
  readonly happenings: readonly Happening[];
  /** Epoch ms. */
  readonly startedAt: number;
}

/** What a picture has to fit into, in characters. */
export interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** Reasons of what is merely not finished. */
const UNDER_WAY: ReadonlySet<string> = new Set(['Writing', 'RollingOut', 'NeverIssued']);
/** The story of one refresh, and a few lines more. */
const SHOWN_HAPPENINGS = 12;
const NO_LIMIT: Size = { rows: Number.POSITIVE_INFINITY, columns: Number.POSITIVE_INFINITY };
const CLOCK_WIDTH = '10:05:07 '.length;

/**
 * One picture of the demo. What happened is wrapped; other lines are not yet cut to the width. On a low terminal
 * the newest happenings stay.
 */
export function frame(model: FrameModel, paint: Paint, { rows, columns }: Size = NO_LIMIT): string[] {
  const { snapshot, startedAt, names } = model;
  const title = (text: string) => paint('bold', text);
  const app = snapshot.binding?.spec?.deliveries?.[0]?.fly.app;
  const spaced = [
    `${title('TokenBinding sandbox')}  ${duration(snapshot.at - startedAt)}  ${paint('dim', 'Ctrl-C ends it')}`,
    '',
    ...bindingLines(model, paint),
    '',
    title(app === undefined ? 'Machines' : `Machines of the Fly app ${app}`),
    ...snapshot.machines.map((machine) => `  ${machineLine(machine, snapshot, names, paint)}`),
    '',
    title('Calls'),
    `  ${callLine(snapshot, paint)}`,
    '',
    title('What just happened'),
  ];
  const isLow = rows < spaced.length + SHOWN_HAPPENINGS;
  const fixed = isLow ? spaced.filter((line) => line !== '') : spaced;
  const room = Math.max(1, Math.min(SHOWN_HAPPENINGS, rows - fixed.length));
  const news = model.happenings.slice(-room).flatMap((one) => happeningLines(one, paint, columns - 2));
  return [...fixed, ...news.slice(-room).map((line) => `  ${line}`)].slice(0, rows);
}

/** `10:05:07 text`, trouble in red. */
export function happeningLine(happening: Happening, paint: Paint): string {
  return happeningLines(happening, paint, Number.POSITIVE_INFINITY).join('');
}

function happeningLines({ at, text, isTrouble }: Happening, paint: Paint, columns: number): string[] {
  const [first = '', second = '', third = '', ...more] = wrapped(text, Math.max(1, columns - CLOCK_WIDTH));
  const lines = [first, second, more.length === 0 ? third : `${third} …`].filter((line) => line !== '');
  const left = [`${paint('dim', clockTime(at))} `];
  return lines.map(
    (line, index) => `${left[index] ?? ' '.repeat(CLOCK_WIDTH)}${isTrouble ? paint('red', line) : line}`,
  );
}

/** Broken between words; a word that is too long stays as it is. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines.splice(-1, 1, `${last} ${word}`);
    else lines.push(word);
  }
  return lines;
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

function bindingLines({ snapshot, names, tally, refreshesWanted }: FrameModel, paint: Paint): string[] {
  const { metadata, status } = snapshot.binding ?? {};
  const wanted = refreshesWanted === undefined ? '' : ` of ${refreshesWanted}`;
  const until = (time: string) => seconds(Math.max(0, Date.parse(time) - snapshot.at));
  const { token, nextRefreshTime } = status ?? {};
  const next = nextRefreshTime === undefined ? '' : `, next refresh in ${until(nextRefreshTime)}`;
  const current =
    token && `${names.token(token.id)} (${shortId(token.id)}), ${until(token.expiresAt)} left${next}`;
  const name = (id: string | undefined) => (id === undefined ? 'nothing' : names.token(id));
  return [
    `${paint('bold', 'Binding')}  ${metadata?.namespace ?? ''}/${metadata?.name ?? ''}, refreshes ${tally.refreshes}${wanted}`,
    `  ${current ?? 'no token yet'}`,
    `  Secret: ${name(snapshot.stored?.tokenId)}; the app's secrets: ${name(deliveryOf(snapshot)?.tokenId)}`,
    ...conditionsOf(snapshot).map((condition) => `  ${conditionLine(condition, paint)}`),
  ];
}

/** How it is, how far the rollout is, and what is wrong. */
function conditionsOf(snapshot: Snapshot): ConditionView[] {
  const shown = ['Ready', 'Delivered', 'Issued', 'Stalled'].flatMap(
    (type) => conditionOf(snapshot, type) ?? [],
  );
  return shown.filter(({ type, status }) => type !== 'Issued' || status !== 'True');
}

function conditionLine({ type, status, reason, message }: ConditionView, paint: Paint): string {
  const usual = (type === 'Stalled') === (status === 'True') ? 'red' : 'green';
  const colour = UNDER_WAY.has(reason) ? 'yellow' : usual;
  return `${paint(colour, `${type}=${status}`.padEnd(15))}  ${reason.padEnd(10)}  ${paint('dim', message)}`;
}

const clockTime = (at: number) => new Date(at).toTimeString().slice(0, 8);

function duration(ms: number): string {
  const whole = Math.round(ms / 1000);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
