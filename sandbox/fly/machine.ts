import { EventEmitter } from 'node:events';
import { refusal } from './api-error.ts';
import { Boot, freePort } from './boot.ts';
import type { CheckResult } from './health.ts';
import { machineId } from './identifier.ts';
import { LeaseSlot } from './lease.ts';
import { type StopPolicy, stopPolicy } from './machine-config.ts';
import { MachineHistory } from './machine-history.ts';
import type { MachineHost } from './machine-host.ts';
import type { Exit } from './machine-process.ts';
import type { MachineVersion } from './machine-version.ts';

export type RestingState = 'created' | 'started' | 'stopped' | 'suspended' | 'failed';
export type MachineState = RestingState | 'starting' | 'stopping' | 'replacing';

const MID_CHANGE: readonly MachineState[] = ['starting', 'stopping', 'replacing'];
const KILL: StopPolicy = { signal: 'SIGKILL', timeoutMs: 0 };

/** A machine: a versioned configuration, and a child process while it is up. */
export class Machine {
  readonly id = machineId();
  readonly lease = new LeaseSlot(this.id);
  readonly history: MachineHistory;
  /** Emits `change` on every change of state, version or check. */
  readonly changes = new EventEmitter().setMaxListeners(0);
  readonly host: MachineHost;
  #version: MachineVersion;
  #state: MachineState;
  #boot: Boot | undefined;
  /** The run that was asked to end and has not yet. */
  #ending: Boot | undefined;
  #updates = 0;
  #disposed = false;
  #underWay: Promise<void> = Promise.resolve();

  /** @param state a resting state; `started` boots it */
  constructor(host: MachineHost, version: MachineVersion, state: Exclude<RestingState, 'failed'>) {
    this.host = host;
    this.#version = version;
    this.#state = state;
    this.history = new MachineHistory(host.now);
    this.history.add('launch', state, 'user');
    if (state === 'started') this.#proceed('starting', () => this.#launch());
  }

  get version(): MachineVersion {
    return this.#version;
  }

  get state(): MachineState {
    return this.#state;
  }

  /** True between two resting states. */
  get changing(): boolean {
    return MID_CHANGE.includes(this.#state);
  }

  /** Results of the current boot's checks; none while the machine is down. */
  get checks(): CheckResult[] {
    return this.#boot?.health.results() ?? [];
  }

  /** The current run; undefined while the machine is down. */
  get boot(): Boot | undefined {
    return this.#boot;
  }

  /** How many updates were accepted. */
  get updates(): number {
    return this.#updates;
  }

  /** Started with every configured check passing: traffic may go there. */
  get serving(): boolean {
    return this.#state === 'started' && this.#boot?.health.healthy() === true;
  }

  /** Resolves when no change of state is under way. */
  settled(): Promise<void> {
    return this.#underWay;
  }

  /**
   * Replaces the version. A machine that was up is stopped and booted anew unless `skipLaunch`; one that was
   * not stays down in any case.
   *
   * @throws ApiError 409 while another change is under way
   */
  update(version: MachineVersion, skipLaunch: boolean): void {
    if (this.changing) {
      throw refusal(409, `aborted: concurrent update in progress, machine is ${this.#state}`);
    }
    const launches = !skipLaunch && (this.#state === 'started' || this.#state === 'failed');
    const stopping = stopPolicy(this.#version.config);
    this.#version = version;
    this.#updates += 1;
    this.history.restart();
    this.history.add('update', 'replacing', 'user');
    this.#proceed('replacing', async () => {
      await this.#halt(stopping);
      if (launches) await this.#launch();
      else this.#rest('stopped');
    });
  }

  /** @throws ApiError 412 while it is replaced or from state `created` */
  start(): void {
    if (this.#state === 'started' || this.#state === 'starting') return;
    if (this.#state === 'replacing') {
      throw refusal(412, 'failed_precondition: machine getting replaced, refusing to start');
    }
    if (this.#state === 'created' || this.#state === 'stopping') {
      throw refusal(412, `failed_precondition: unable to start machine from current state: '${this.#state}'`);
    }
    this.#proceed('starting', () => this.#launch());
  }

  /** @throws ApiError 412 while another change is under way */
  stop(policy: StopPolicy = stopPolicy(this.#version.config)): void {
    if (this.#state === 'starting' || this.#state === 'replacing') {
      throw refusal(412, `failed_precondition: unable to stop machine from current state: '${this.#state}'`);
    }
    if (this.#state !== 'started') return;
    this.#proceed('stopping', async () => {
      await this.#halt(policy);
      this.#rest('stopped');
    });
  }

  /** Kills the process, if any, and never starts one again. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    await Promise.all([this.#ending?.halt(KILL), this.#halt(KILL)]);
    await this.#underWay;
  }

  #proceed(state: MachineState, work: () => Promise<void>): void {
    this.#enter(state);
    this.#underWay = work().catch(() => this.#rest('failed'));
  }

  #enter(state: MachineState): void {
    this.#state = state;
    this.history.touch();
    this.changes.emit('change');
  }

  #rest(state: RestingState): void {
    this.history.add(state === 'started' ? 'start' : 'stop', state, 'flyd');
    this.#enter(state);
  }

  async #halt(policy: StopPolicy): Promise<void> {
    const running = this.#boot;
    this.#boot = undefined;
    this.#ending = running;
    await running?.halt(policy);
    this.#ending = undefined;
  }

  async #launch(): Promise<void> {
    const port = await freePort();
    if (this.#disposed) return;
    const onCheck = () => this.changes.emit('change');
    const boot = new Boot({ host: this.host, machineId: this.id, version: this.#version, port, onCheck });
    this.#boot = boot;
    void boot.exited.then((exit) => this.#exited(boot, exit));
    this.#rest('started');
  }

  /** The program ended by itself: the machine stays down, `failed` unless it meant to end. */
  #exited(ended: Boot, exit: Exit): void {
    if (this.#boot !== ended) return;
    this.#boot = undefined;
    ended.health.stop();
    const state = exit.code === 0 ? 'stopped' : 'failed';
    this.history.exit(exit, state);
    this.#enter(state);
  }
}
