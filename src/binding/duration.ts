const UNITS = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** Milliseconds as a Go duration with whole seconds (`1h0m5s`, `12s`), as kubectl users know it; rounds down. */
export function formatDuration(ms: number): string {
  let rest = Math.max(0, Math.floor(ms / 1000)) * 1000;
  let text = '';
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0 || text !== '' || unit === 's') text += `${count}${unit}`;
  }
  return text;
}

const PART = /(\d+(?:\.\d+)?)(h|ms|m|s)/g;
const SIZES: Readonly<Record<string, number>> = { ...Object.fromEntries(UNITS), ms: 1 };

/** A Go duration without sign (`1h30m`, `90s`, `1.5h`, `12s`), in whole milliseconds; 0 for anything else. */
export function parseDuration(text: string | undefined): number {
  const parts = [...(text ?? '').matchAll(PART)];
  if (parts.map(([whole]) => whole).join('') !== text) return 0;
  return Math.round(
    parts.reduce((sum, [, count, unit]) => sum + Number(count) * (SIZES[unit ?? ''] ?? 0), 0),
  );
}
