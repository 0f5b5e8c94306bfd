import nock from 'nock';
import type { KeptToken } from '../../src/fly/classification.ts';
import { createFlyApp, type FlyApp } from '../../src/fly/fly-app.ts';
import type { FlyPacer } from '../../src/fly/fly-pacer.ts';
import type { RolloutLimits } from '../../src/fly/rollout-site.ts';
import { fetch } from '../../src/http/undici.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { HurriedClock } from './hurried-clock.ts';

export const APP = 'toolbridge-mcp';
export const API_TOKEN = 'fm2_canary-api-token';
export const BASE_URL = 'https://api.fly.test';

export type Action = (typeof ROUTES)[number][0];

/** A request as Fly got it. */
export interface Call {
  readonly action: Action;
  readonly machine: string | undefined;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

type Outcome = Answer | Error | undefined;
type Behaviour = (call: Call) => Outcome | Promise<Outcome>;

const ROUTES = [
  ['secret', 'POST', /\/secrets\/[^/]+$/],
  ['secrets', 'POST', /\/secrets$/],
  ['secretList', 'GET', /\/secrets$/],
  ['token', 'GET', /\/tokens\/current$/],
  ['list', 'GET', /\/machines$/],
  ['get', 'GET', /\/machines\/([^/]+)$/],
  ['update', 'POST', /\/machines\/([^/]+)$/],
  ['lease', 'POST', /\/machines\/([^/]+)\/lease$/],
  ['release', 'DELETE', /\/machines\/([^/]+)\/lease$/],
  ['wait', 'GET', /\/machines\/([^/]+)\/wait$/],
  ['versions', 'GET', /\/machines\/([^/]+)\/versions$/],
  ['exec', 'POST', /\/machines\/([^/]+)\/exec$/],
  ['note', 'POST', /\/machines\/([^/]+)\/metadata\/[^/]+$/],
] as const;

/** The Machines API for one test: answers from `behaviours`, first those queued for once, then the standing one. */
export class ApiDouble {
  readonly clock = new HurriedClock();
  readonly calls: Call[] = [];
  readonly #standing = new Map<Action, Behaviour>();
  readonly #once = new Map<Action, Behaviour[]>();

  constructor() {
    nock.disableNetConnect();
    for (const method of ['get', 'post', 'delete'] as const) {
      nock(BASE_URL)
        .persist()
        [method](/.*/)
        .reply((request: Request) => this.#reply(request));
    }
  }

  always(action: Action, behaviour: Behaviour | Answer): void {
    this.#standing.set(action, typeof behaviour === 'function' ? behaviour : () => behaviour);
  }

  /** The next call of `action` is answered so; `undefined` from the behaviour leaves it to the standing one. */
  once(action: Action, behaviour: Behaviour | Answer): void {
    const queue = this.#once.get(action) ?? [];
    this.#once.set(action, [...queue, typeof behaviour === 'function' ? behaviour : () => behaviour]);
  }

  made(action: Action): Call[] {
    return this.calls.filter((call) => call.action === action);
  }

  app(
    options: { apiToken?: string; kept?: KeptToken; limits?: Partial<RolloutLimits>; pacer?: FlyPacer } = {},
  ): FlyApp {
    return createFlyApp({
      baseUrl: BASE_URL,
      app: APP,
      apiToken: new SecretValue(options.apiToken ?? API_TOKEN),
      kept: options.kept,
      fetch: unfollowing,
      clock: this.clock,
      userAgent: 'tokenbinding-controller/test',
      ...(options.limits && { limits: options.limits }),
      ...(options.pacer && { pacer: options.pacer }),
    });
  }

  [Symbol.dispose](): void {
    nock.cleanAll();
    nock.enableNetConnect();
  }

  async #reply(request: Request): Promise<unknown[]> {
    const call = await callOf(request);
    this.calls.push(call);
    const special = await this.#once.get(call.action)?.shift()?.(call);
    const answer = special ?? (await this.#standing.get(call.action)?.(call));
    if (answer === undefined) throw new Error(`the test has no answer for ${call.action}`);
    if (answer instanceof Error) throw answer;
    const headers = { 'content-type': 'application/json', 'fly-request-id': `req-${this.calls.length}` };
    return [answer.status, answer.body ?? {}, { ...headers, ...answer.headers }];
  }
}

/** Like the controller's way out, which hands redirects to its caller. */
const unfollowing = ((request: Parameters<typeof fetch>[0]) =>
  fetch(request, { redirect: 'manual' })) as unknown as typeof globalThis.fetch;

async function callOf(request: Request): Promise<Call> {
  const url = new URL(request.url);
  const text = await request.text();
  const body = text === '' ? {} : JSON.parse(text);
  for (const [action, method, path] of ROUTES) {
    const match = method === request.method && path.exec(url.pathname);
    if (match) return { action, machine: match[1], url, headers: request.headers, body };
  }
  throw new Error(`no such endpoint: ${request.method} ${url.pathname}`);
}
