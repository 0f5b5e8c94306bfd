import type { RudeAnswer } from '../../sandbox/rude-server.ts';
import type { Told } from './told.ts';

/** Stands in everything that the server says. */
export const CANARY = 'canary-of-a-token-endpoint';
export const AUDIENCE = 'https://api.acme.dev';
export const SCOPE = 'read:orders';

/** What follows from an answer. */
interface Sequel extends Pick<Told, 'reason' | 'message'> {
  /**
   * `person`: Stalled, and tried again every few minutes only. `retry`: tried again with backoff. A range: tried
   * again after what the answer asks for, in seconds.
   */
  readonly next: 'person' | 'retry' | readonly [least: number, most: number];
}

/** An answer of a token endpoint, and what comes of it. */
export interface Outcome extends Sequel {
  /** Of the path and of the binding that asks there. */
  readonly name: string;
  readonly answer: RudeAnswer;
}

/** By name of the path and of the binding that asks there. */
export type Answers = Readonly<Record<string, RudeAnswer>>;

/** Answers that all have the same sequel. */
export const outcomes = (sequel: Sequel, answers: Answers): Outcome[] =>
  Object.entries(answers).map(([name, answer]) => ({ ...sequel, name, answer }));

/** A refusal by RFC 6749 §5.2. */
export const refusal = (
  status: number,
  error: unknown,
  headers: Record<string, string> = {},
): RudeAnswer => ({
  ...{ status, headers, body: { error } },
});

/** A token response; a member that is undefined is left out. */
export const issues = (change: object): RudeAnswer => ({
  body: { access_token: `opaque-${CANARY}`, token_type: 'Bearer', expires_in: 3600, ...change },
});
