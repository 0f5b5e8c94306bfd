import { stripVTControlCharacters } from 'node:util';
import { callLine, type FrameModel, frame, happeningLine } from './frame.ts';
import type { Happening } from './journal.ts';
import type { Paint } from './paint.ts';

/** A terminal or a file. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** Shows the demo while it runs. */
export interface View {
  /** `news`: what happened since the last time. */
  show(model: FrameModel, news: readonly Happening[]): void;
}

const HEARTBEAT_MS = 10_000;
const ESC = '\u001b[';
const CLEAR_TO_END = `${ESC}0J`;
const CLEAR_LINE = `${ESC}K`;
const DEFAULT_COLUMNS = 110;
const DEFAULT_ROWS = 50;

/** Keeps one picture up to date in place. The last one stays. */
export function liveView(output: Output, paint: Paint): View {
  let height = 0;
  return {
    show: (model) => {
      const { columns = DEFAULT_COLUMNS, rows = DEFAULT_ROWS } = output;
      // A picture higher than the terminal could not be overwritten: what scrolls away stays.
      const lines = frame(model, paint, { rows: rows - 1, columns });
      const up = height > 0 ? `${ESC}${height}A\r` : '';
      // Line by line: a cleared screen would push each picture into the scroll-back of some terminals.
      const painted = lines.map((line) => `${CLEAR_LINE}${cut(line, columns)}\n`).join('');
      output.write(`${up}${painted}${CLEAR_TO_END}`);
      height = lines.length;
    },
  };
}

/** A line per happening, and one every ten seconds that tells how the calls go. */
export function plainView(output: Output, paint: Paint): View {
  let saidAt: number | undefined;
  const say = (happening: Happening) => output.write(`${happeningLine(happening, paint)}\n`);
  return {
    show: ({ snapshot }, news) => {
      for (const happening of news) say(happening);
      if (saidAt !== undefined && snapshot.at - saidAt < HEARTBEAT_MS) return;
      saidAt = snapshot.at;
      say({ at: snapshot.at, text: `calls: ${callLine(snapshot, paint)}`, isTrouble: false });
    },
  };
}

/** Cuts to the width of the terminal: a line that wraps would spoil the count of lines. */
function cut(line: string, columns: number): string {
  return stripVTControlCharacters(line).length <= columns ? line : cutColoured(line, columns);
}

function cutColoured(line: string, columns: number): string {
  let room = columns - 1;
  // Control sequences and text in turn; only text takes room.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what colours begin with
  const parts = line.split(/(\u001b\[[0-9;]*m)/);
  const kept = parts.map((part, index) => {
    if (index % 2 === 1) return part;
    const text = part.slice(0, room);
    room -= text.length;
    return text;
  });
  return `${kept.join('')}…`;
}
