import { MANAGER } from '../binding/names.ts';
import type { EpochMs } from '../clock.ts';
import { microTime } from './micro-time.ts';
import type { ObjectReference } from './object-ref.ts';

/** What there is to tell about an object. */
export interface EventMessage {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, at most 128 characters. */
  readonly reason: string;
  /** What was being done, CamelCase, at most 128 characters. */
  readonly action: string;
  /** A sentence for people; cut to 1,024 bytes. */
  readonly note: string;
}

/** Who tells it, and when. */
export interface EventOrigin {
  /** Name of the process, at most 128 characters. */
  readonly instance: string;
  readonly at: EpochMs;
  /** Tells apart events of one millisecond; 0 to 999,999. */
  readonly sequence: number;
}

/** Limit of `note` in the API server's validation. */
const NOTE_BYTES = 1024;

/** Leaves room for a dot and the time in a name of at most 253 characters. */
const NAME_CHARACTERS = 230;

/** An events.k8s.io/v1 Event. Its name tells the moment, so that sending it again does not make a second one. */
export function toEvent(regarding: ObjectReference, message: EventMessage, origin: EventOrigin): object {
  const moment = (BigInt(origin.at) * 1_000_000n + BigInt(origin.sequence)).toString(16);
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: {
      name: `${regarding.name.slice(0, NAME_CHARACTERS)}.${moment}`,
      namespace: regarding.namespace,
    },
    eventTime: microTime(origin.at),
    reportingController: MANAGER,
    reportingInstance: origin.instance,
    regarding,
    type: message.type,
    reason: message.reason,
    action: message.action,
    note: clip(message.note),
  };
}

/** Cuts to the byte limit without splitting a character. */
function clip(note: string): string {
  const bytes = Buffer.from(note);
  if (bytes.length <= NOTE_BYTES) return note;
  return bytes
    .subarray(0, NOTE_BYTES)
    .toString('utf8')
    .replace(/\uFFFD+$/, '');
}
