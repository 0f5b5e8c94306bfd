/** Where progress is shown: standard error, or anything that takes text. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** One piece of long work being shown. */
export interface ProgressTask {
  /** Replaces the detail shown next to the elapsed time. */
  update(detail: string): void;
  /** Stops showing; the last line says how it ended. */
  end(outcome: string): void;
}

const TERMINAL_PERIOD_MS = 500;
const PLAIN_PERIOD_MS = 10_000;
const CLEAR_LINE = '\r\u001b[2K';

/** Shows `label` with the elapsed time: one line kept up to date on a terminal, else a line every ten seconds. */
export function showProgress(stream: ProgressStream, label: string): ProgressTask {
  const startedAt = performance.now();
  let detail = '';
  const line = (end: string) =>
    [label, end, elapsed(performance.now() - startedAt)].filter(Boolean).join(' · ');
  const show = () => stream.write(stream.isTTY ? CLEAR_LINE + line(detail) : `${line(detail)}\n`);

  stream.write(stream.isTTY ? label : `${label}\n`);
  const timer = setInterval(show, stream.isTTY ? TERMINAL_PERIOD_MS : PLAIN_PERIOD_MS);
  timer.unref();
  return {
    update: (text) => {
      detail = text;
    },
    end: (outcome) => {
      clearInterval(timer);
      stream.write(`${stream.isTTY ? CLEAR_LINE : ''}${line(outcome)}\n`);
    },
  };
}

function elapsed(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
