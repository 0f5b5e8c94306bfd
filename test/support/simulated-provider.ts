import type { CallLimits } from '../../src/http/egress.ts';
import type { FakeClock } from './fake-clock.ts';

/**
 * What a token endpoint does to a request. `slow`: answers after `delayMs`, or too late; `lost`: issues a token, and
 * the connection breaks under the answer; `maintenance`: 200 with a page.
 */
export type Weather =
  | { readonly kind: 'fine' | 'broken' | 'hanging' | 'lost' | 'maintenance' | 'unauthorized' }
  | { readonly kind: 'slow'; readonly delayMs: number }
  | { readonly kind: 'unavailable' | 'limited'; readonly retryAfterS?: number | undefined };

/** How a provider makes its tokens. */
export interface TokenForm {
  readonly lifetimeS: number;
  /** `jwt` tells its `exp`, `opaque` nothing; without `expires_in` a `jwt` is all there is. */
  readonly kind: 'opaque' | 'jwt';
  readonly statesLifetime: boolean;
  /** The provider's clock minus the true time, in ms. */
  readonly skewMs: number;
  readonly latencyMs: number;
}

/** A token as issued. Times are true ones: the monotonic ms of the simulation. */
export interface Issue {
  readonly audience: string;
  readonly at: number;
  /** When consumers stop taking it. */
  readonly expiresAt: number;
}

/** One request, and what became of it. */
export interface Arrival {
  readonly audience: string;
  readonly at: number;
  readonly weather: Weather['kind'];
  /** When the caller had its answer, or gave up waiting for one; undefined while it waits, and if it died. */
  endedAt?: number;
  /** The token issued for it, whether or not it arrived. */
  issue?: Issue;
  /** The token arrived. */
  isAnswered: boolean;
  /** The wait asked for, in ms, if any. */
  readonly retryAfterMs: number;
}

const HEADER = Buffer.from('{"alg":"RS256","typ":"at+jwt"}').toString('base64url');

/** A token endpoint behind a `fetch`, in simulated time. */
export class SimulatedProvider {
  readonly arrivals: Arrival[] = [];
  /** By the token's text. */
  readonly issues = new Map<string, Issue>();
  readonly #clock: FakeClock;
  readonly #form: TokenForm;
  readonly #weather: () => Weather;
  /** The provider's clock minus the monotonic one. */
  readonly #wallOffset: number;
  #serial = 0;

  /** @param clock right as it stands now: the true time */
  constructor(clock: FakeClock, form: TokenForm, weather: () => Weather) {
    this.#clock = clock;
    this.#form = form;
    this.#weather = weather;
    this.#wallOffset = clock.now() - clock.monotonic() + form.skewMs;
  }

  /** As `Egress.fetch`: what does not end by the deadline is broken off. */
  fetch({ deadlineMs }: CallLimits): typeof globalThis.fetch {
    return (_url, init) => {
      const audience = new URLSearchParams(init?.body?.toString()).get('audience') ?? '';
      return this.#serve(audience, deadlineMs);
    };
  }

  async #serve(audience: string, deadlineMs: number): Promise<Response> {
    const weather = this.#weather();
    const arrival = this.#arrive(audience, weather);
    const delayMs = this.#delayOf(weather);
    const issues = weather.kind === 'fine' || weather.kind === 'slow' || weather.kind === 'lost';
    const token = issues ? this.#issue(arrival) : undefined;
    await this.#pass(Math.min(delayMs, deadlineMs));
    arrival.endedAt = this.#clock.monotonic();
    if (delayMs >= deadlineMs) throw new DOMException('The operation timed out.', 'TimeoutError');
    if (weather.kind === 'broken' || weather.kind === 'lost') throw new TypeError('fetch failed');
    if (token === undefined) return this.#refuse(weather);
    arrival.isAnswered = true;
    const { statesLifetime, lifetimeS } = this.#form;
    return this.#respond(200, {
      ...{ access_token: token, token_type: 'Bearer' },
      ...(statesLifetime && { expires_in: lifetimeS }),
    });
  }

  #arrive(audience: string, weather: Weather): Arrival {
    const arrival: Arrival = {
      ...{ audience, at: this.#clock.monotonic(), weather: weather.kind, isAnswered: false },
      retryAfterMs: 'retryAfterS' in weather ? (weather.retryAfterS ?? 0) * 1000 : 0,
    };
    this.arrivals.push(arrival);
    return arrival;
  }

  #delayOf(weather: Weather): number {
    if (weather.kind === 'hanging') return Number.POSITIVE_INFINITY;
    return weather.kind === 'slow' ? weather.delayMs : this.#form.latencyMs;
  }

  #issue(arrival: Arrival): string {
    const { audience, at } = arrival;
    const { lifetimeS, kind } = this.#form;
    const now = Math.floor((at + this.#wallOffset) / 1000);
    const exp = now + lifetimeS;
    this.#serial += 1;
    const claims = { iss: 'https://issuer.test/', aud: audience, iat: now, exp, jti: this.#serial };
    const body = Buffer.from(JSON.stringify(claims)).toString('base64url');
    const token = kind === 'jwt' ? `${HEADER}.${body}.c2ln` : `opaque-${audience}-${this.#serial}`;
    const issue = { audience, at, expiresAt: exp * 1000 - this.#wallOffset };
    this.issues.set(token, issue);
    arrival.issue = issue;
    return token;
  }

  #refuse(weather: Weather): Response {
    if (weather.kind === 'maintenance')
      return new Response('<h1>Back soon</h1>', { headers: this.#headers() });
    if (weather.kind === 'unauthorized') return this.#respond(401, { error: 'invalid_client' });
    const retryAfterS = 'retryAfterS' in weather ? weather.retryAfterS : undefined;
    return this.#respond(weather.kind === 'limited' ? 429 : 503, {}, retryAfterS);
  }

  #respond(status: number, body: object, retryAfterS?: number): Response {
    const wait = retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) };
    return new Response(JSON.stringify(body), { status, headers: { ...this.#headers(), ...wait } });
  }

  /** RFC 9110 §6.6.1: a server with a clock tells it in every answer. */
  #headers(): Record<string, string> {
    return { date: new Date(this.#clock.monotonic() + this.#wallOffset).toUTCString() };
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.after(ms, resolve));
  }
}
