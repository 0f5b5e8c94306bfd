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
  boot: Boot = (machine) => this.started(machine);

  constructor() {
    super();
    this.always('list', () => ({ status: 200, body: [...this.machines.values()] }));
    this.always('get', (call) => this.#with(call, (machine) => ({ status: 200, body: machine })));
    this.always('lease', (call) => this.#with(call, () => this.#lease(call)));
    this.always('release', (call) => this.#with(call, () => this.#release(call)));
    this.always('update', (call) => this.#with(call, (machine) => this.#update(machine, call)));
    this.always('wait', { status: 200, body: { ok: true } });
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

  #lease({ machine = '' }: Call): Answer {
    if (this.leases.has(machine)) return { status: 409, body: { error: 'aborted: lease currently held' } };
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
    Object.assign(machine, { instance_id: `${machine.id}v${number}`, config: call.body.config, checks: [] });
    if (call.body.skip_launch === true) machine.events = [{ type: 'update', timestamp: this.clock.now() }];
    else this.boot(machine, call);
    return { status: 200, body: structuredClone(machine) };
  }
}
