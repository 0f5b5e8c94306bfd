import type { EpochMs } from '../clock.ts';

/** metav1.MicroTime: the API server takes exactly six digits of a second and no other form. */
export function microTime(at: EpochMs): string {
  return new Date(at).toISOString().replace(/Z$/, '000Z');
}

/** Reads a MicroTime to the millisecond; undefined when it is absent or no time. */
export function fromMicroTime(text: string | undefined): EpochMs | undefined {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? undefined : at;
}
