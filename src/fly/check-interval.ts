import type { JsonObject } from '@fly/machines-api';
import { list, object } from './json-shape.ts';

/** Fly runs every check at least this often, whatever is configured. */
const LONGEST_MS = 60_000;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const GO_DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/;

/** Every check that a machine's config asks for, of the machine and of its services. */
export function configuredChecks(config: JsonObject): readonly JsonObject[] {
  const ofServices = list(config.services).flatMap((service) => list(object(service).checks));
  return [...Object.values(object(config.checks)), ...ofServices].map(object);
}

/**
 * The longest time between two runs of one of the checks, in ms: 0 without checks, at most 60,000. An interval
 * that cannot be read, and one left to Fly, counts as the longest.
 */
export function longestInterval(checks: readonly JsonObject[]): number {
  return Math.min(
    LONGEST_MS,
    Math.max(0, ...checks.map(({ interval }) => durationMs(interval) ?? LONGEST_MS)),
  );
}

/** Fly gives durations as Go writes them (`15s`, `1m30s`) or in nanoseconds. */
function durationMs(value: unknown): number | undefined {
  if (typeof value === 'number') return value / 1_000_000;
  if (typeof value !== 'string' || !GO_DURATION.test(value)) return undefined;
  const parts = [...value.matchAll(/([\d.]+)(ms|s|m|h)/g)];
  return parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (UNIT_MS[unit] ?? 0), 0);
}
