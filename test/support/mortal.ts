import type { Call, KubernetesClient } from '../../src/kubernetes/client.ts';

/** Where a process dies: right before or right after its n-th effect, 1 being the first. */
export interface Death {
  readonly effect: number;
  readonly moment: 'before' | 'after';
}

/** What a dead process gets from everything it tries. */
class DeathError extends Error {
  override readonly name = 'DeathError';
}

/**
 * The life of one process, as far as the world outside can tell: every request that changes something is an
 * effect. After its death nothing goes out any more, not even what it would do to tidy up.
 */
export class Mortal {
  /** Names of the effects that the world has felt, in order. */
  readonly effects: string[] = [];
  readonly #death: Death | undefined;
  #attempted = 0;
  #dead = false;

  /** @param death never when absent */
  constructor(death?: Death) {
    this.#death = death;
  }

  get isDead(): boolean {
    return this.#dead;
  }

  /** A client through which this process reaches the API server. */
  client(client: KubernetesClient): KubernetesClient {
    return {
      call: <T>(call: Call) => {
        const isRead = call.verb === 'get' || call.verb === 'list';
        return this.#act(isRead ? undefined : nameOfCall(call), () => client.call<T>(call));
      },
      stream: (call) => client.stream(call),
      close: () => client.close(),
    };
  }

  /** A `fetch` through which this process reaches everything else. */
  fetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
    return (input, init) => {
      const { method, url } =
        typeof input === 'object' && 'method' in input
          ? input
          : { method: init?.method ?? 'GET', url: String(input) };
      const { pathname } = new URL(url);
      return this.#act(method === 'GET' ? undefined : nameOfRequest(method, pathname), () =>
        fetch(input, init),
      );
    };
  }

  /** @param effect undefined for what changes nothing */
  async #act<T>(effect: string | undefined, work: () => Promise<T>): Promise<T> {
    if (this.#dead) throw new DeathError('it is dead');
    if (effect === undefined) return work();
    this.#attempted += 1;
    const isLast = this.#attempted === this.#death?.effect;
    if (isLast && this.#death?.moment === 'before') this.#die();
    const result = await work();
    this.effects.push(effect);
    if (isLast) this.#die();
    return result;
  }

  #die(): never {
    this.#dead = true;
    throw new DeathError('it died');
  }
}

/** `create secrets`, `apply secrets`, `patch tokenbindings/status`. */
function nameOfCall({ verb, at, contentType }: Call): string {
  const { resource, subresource } = at;
  const kind = contentType?.includes('apply') ? 'apply' : verb;
  return `${kind} ${resource.plural}${subresource ? `/${subresource}` : ''}`;
}

/** `issue token`, `set secret`, `unset secret`, `update machine`, `lease machine`, `release machine`. */
function nameOfRequest(method: string, path: string): string {
  if (path === '/oauth/token') return 'issue token';
  if (path.endsWith('/lease')) return method === 'DELETE' ? 'release machine' : 'lease machine';
  if (path.includes('/machines/')) return 'update machine';
  return path.endsWith('/secrets') ? 'unset secret' : 'set secret';
}
