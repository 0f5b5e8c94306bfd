import type { JsonObject } from '@fly/machines-api';
import type { EpochMs } from '../clock.ts';
import { list, object } from './json-shape.ts';

/** The end of a machine's main process. */
export interface ProcessExit {
  /** A stop that somebody or Fly's proxy asked for, as against one of the process's own. */
  readonly requested: boolean;
  readonly code: number;
  /** The restart policy is about to start it again. */
  readonly restarting: boolean;
  /** How often the restart policy has done so. */
  readonly restarts: number;
  /** How long the process had been up, when events tell. */
  readonly uptimeMs: number | undefined;
}

/** What a machine's events and times tell. */
export interface MachineHistory {
  /** Last sign of change: the newest event, else `updated_at`. */
  readonly changedAt: EpochMs | undefined;
  /** The newest start of the main process. */
  readonly startedAt: EpochMs | undefined;
  /** The newest exit in the present version: one from before the last update says nothing about it. */
  readonly lastExit: ProcessExit | undefined;
  /** When that exit was. */
  readonly exitedAt: EpochMs | undefined;
}

interface MachineEvent {
  readonly type: unknown;
  readonly at: EpochMs;
  readonly request: JsonObject;
}

/** Reads a machine's `events` (newest first, at times in ms) and `updated_at` (RFC 3339). */
export function observeHistory(machine: JsonObject): MachineHistory {
  const events = list(machine.events)
    .map(object)
    .filter(({ timestamp }) => typeof timestamp === 'number')
    .map(({ type, timestamp, request }) => ({ type, at: Number(timestamp), request: object(request) }))
    .sort((a, b) => b.at - a.at);
  const updatedAt = Date.parse(String(machine.updated_at));
  return {
    changedAt: events[0]?.at ?? (Number.isNaN(updatedAt) ? undefined : updatedAt),
    startedAt: events.find(({ type }) => type === 'start')?.at,
    ...lastExit(events),
  };
}

function lastExit(events: readonly MachineEvent[]): Pick<MachineHistory, 'lastExit' | 'exitedAt'> {
  const exitIndex = events.findIndex(({ type }) => type === 'exit');
  const changeIndex = events.findIndex(({ type }) => type === 'launch' || type === 'update');
  const exit = events[exitIndex];
  if (!exit || (changeIndex !== -1 && changeIndex < exitIndex)) {
    return { lastExit: undefined, exitedAt: undefined };
  }
  const start = events.slice(exitIndex).find(({ type }) => type === 'start');
  const monitored = object(object(exit.request.MonitorEvent).exit_event);
  const event = { ...object(exit.request.exit_event), ...monitored };
  const lastExit = {
    requested: event.requested_stop === true,
    code: typeof event.exit_code === 'number' ? event.exit_code : 0,
    restarting: event.restarting === true,
    restarts: typeof exit.request.restart_count === 'number' ? exit.request.restart_count : 0,
    uptimeMs: start && exit.at - start.at,
  };
  return { lastExit, exitedAt: exit.at };
}
