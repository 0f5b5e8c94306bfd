import { type Answer, ApiDouble, type Call } from './api-double.ts';

type Json = Record<string, unknown>;

/** A machine as the API double keeps it. */
export interface FleetMachine extends Json {
  id: string;
  instance_id: string;
  state: string;
  config: Json & { metadata: Record<string, string> };
  events: Json[];
  checks: Json[];
}

/** What an update makes of a machine, beside its new version and config. */
export type Boot = (machine: FleetMachine, update: Call) => void;

/** An app with machines that can be listed, leased, updated and waited for; a machine boots well at once. */
export class FleetDouble extends ApiDouble {
  readonly machines = new Map<string, FleetMachine>();
  /** Machine ids under a lease, with its nonce. */
  readonly leases = new Map<string, string>();
  /** Every version that a machine had or was to have, by machine id. */
  readonly versions = new Map<string, { version: string; user_config: Json }[]>();
  boot: Boot = (machine) => this.started(machine);
  /** The same for one that is at rest and not launched. */
  rest: Boot = (machine) => {
    machine.events = [{ type: 'update', timestamp: this.clock.now() }];
  };

  constructor() {
    super();
    this.always('list', () => ({ status: 200, body: [...this.machines.values()] }));
    this.always('get', (call) => this.#with(call, (machine) => ({ status: 200, body: machine })));
    this.always('lease', (call) => this.#with(call, () => this.#lease(call)));
    this.always('release', (call) => this.#with(call, () => this.#release(call)));
    this.always('update', (call) => this.#with(call, (machine) => this.#update(machine, call)));
    this.always('wait', { status: 200, body: { ok: true } });
    this.always('versions', (call) => this.#with(call, ({ id }) => this.#versionsOf(id)));
    this.always('exec', (call) => this.#with(call, (machine) => this.#exec(machine)));
    this.always('note', (call) => this.#with(call, (machine) => this.#note(machine, call)));
  }

  /** Adds a machine with one health check; started and well unless `change` says otherwise. */
  add(id: string, change: Json = {}, config: Json = {}): FleetMachine {
    const machine: FleetMachine = {
      id,
      instance_id: `${id}v1`,
      state: 'started',
      host_status: 'ok',
      updated_at: new Date(this.clock.now()).toISOString(),
      events: [],
      checks: [{ name: 'alive', status: 'passing' }],
      ...change,
      config: {
        image: 'registry.fly.io/app:1',
        checks: { alive: { type: 'http' } },
        metadata: { fly_process_group: 'app' },
        ...config,
      },
    };
    this.machines.set(id, machine);
    return machine;
  }

  /** The machine runs since now, its check passing. */
  started(machine: FleetMachine): void {
    machine.state = 'started';
    machine.events = [{ type: 'start', timestamp: this.clock.now() }];
    machine.checks = [{ name: 'alive', status: 'passing' }];
  }

  /** The process of a machine ends now. */
  exited(machine: FleetMachine, exit: Json, state = 'stopped'): void {
    machine.state = state;
    machine.events.unshift({ type: 'exit', timestamp: this.clock.now(), request: { exit_event: exit } });
  }

  #with({ machine: id = '' }: Call, answer: (machine: FleetMachine) => Answer): Answer {
    const machine = this.machines.get(id);
    return machine ? answer(machine) : { status: 404, body: { error: 'machine not found' } };
  }

  #versionsOf(id: string): Answer {
    return { status: 200, body: this.versions.get(id) ?? [] };
  }

  #exec({ id, state }: FleetMachine): Answer {
    if (this.leases.has(id)) return { status: 409, body: { error: 'aborted: lease currently held' } };
    if (state !== 'started') return { status: 412, body: { error: 'failed_precondition: not started' } };
    return { status: 200, body: { exit_code: 0, stdout: 'canary-out', stderr: 'canary-err' } };
  }

  #note(machine: FleetMachine, { url, body }: Call): Answer {
    const key = decodeURIComponent(url.pathname.split('/').at(-1) ?? '');
    machine.config.metadata = { ...machine.config.metadata, [key]: String(body.value) };
    return { status: 204 };
  }

  #lease({ machine = '', headers }: Call): Answer {
    const held = this.leases.get(machine);
    const nonceGiven = headers.get('fly-machine-lease-nonce');
    if (held !== undefined && nonceGiven === held) return { status: 201, body: { data: { nonce: held } } };
    if (held !== undefined) return { status: 409, body: { error: 'aborted: lease currently held' } };
    const nonce = `nonce-${machine}-${this.calls.length}`;
    this.leases.set(machine, nonce);
    return { status: 201, body: { status: 'success', data: { nonce } } };
  }

  #release({ machine = '', headers }: Call): Answer {
    if (headers.get('fly-machine-lease-nonce') !== this.leases.get(machine)) return { status: 404 };
    this.leases.delete(machine);
    return { status: 200, body: { status: 'success', data: { ok: true } } };
  }

  #update(machine: FleetMachine, call: Call): Answer {
    const lease = this.leases.get(machine.id);
    if (lease !== undefined && call.headers.get('fly-machine-lease-nonce') !== lease) return { status: 409 };
    if (call.body.current_version !== machine.instance_id) return { status: 412 };
    const number = Number(machine.instance_id.split('v')[1]) + 1;
    const version = `${machine.id}v${number}`;
    const config = call.body.config as Json;
    this.versions.set(machine.id, [
      ...(this.versions.get(machine.id) ?? []),
      { version, user_config: structuredClone(config) },
    ]);
    Object.assign(machine, { instance_id: version, config, checks: [] });
    if (call.body.skip_launch === true) this.rest(machine, call);
    else this.boot(machine, call);
    return { status: 200, body: structuredClone(machine) };
  }
}
