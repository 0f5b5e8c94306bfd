import { setTimeout as pause } from 'node:timers/promises';
import { refusal } from './api-error.ts';
import type { Boot } from './boot.ts';
import type { CheckResult } from './health.ts';
import { machineId } from './identifier.ts';
import { LeaseSlot } from './lease.ts';
import { type MachineConfig, restartsAllowed, type StopPolicy, stopPolicy } from './machine-config.ts';
import type { MachineHost } from './machine-host.ts';
import type { Exit } from './machine-process.ts';
import type { MachineState, RestingState } from './machine-state.ts';
import { MachineStatus } from './machine-status.ts';
import type { MachineVersion } from './machine-version.ts';
import { Runner } from './runner.ts';

/** Between a crash and the start that the restart policy asks for. */
const RESTART_PAUSE_MS = 200;
const KILL: StopPolicy = { signal: 'SIGKILL', timeoutMs: 0 };

/** A machine: a versioned configuration, and a child process while it is up. */
export class Machine extends MachineStatus {
  readonly id = machineId();
  readonly lease: LeaseSlot;
  readonly host: MachineHost;
  /** False while its host does not answer. */
  reachable = true;
  readonly #runner: Runner;
  #restarts = 0;
  #updates = 0;
  #underWay: Promise<void> = Promise.resolve();

  /** @param state a resting state; `started` boots it */
  constructor(host: MachineHost, version: MachineVersion, state: Exclude<RestingState, 'failed'>) {
    super(host.now, version, state);
    this.host = host;
    this.lease = new LeaseSlot(this.id, host.behaviour);
    const onCheck = () => this.changes.emit('change');
    const onExit = (exit: Exit) => this.#exited(exit);
    this.#runner = new Runner({ host, machineId: this.id, onCheck, onExit });
    if (state === 'started') this.#boots('starting');
  }

  /** Results of the current boot's checks; none while the machine is down. */
  get checks(): CheckResult[] {
    return this.#runner.boot?.health.results() ?? [];
  }

  /** The current run; undefined while the machine is down. */
  get boot(): Boot | undefined {
    return this.#runner.boot;
  }

  /** How many updates were accepted. */
  get updates(): number {
    return this.#updates;
  }

  /** Started with every configured check passing: traffic may go there. */
  get serving(): boolean {
    return this.state === 'started' && this.reachable && this.boot?.health.healthy() === true;
  }

  /** Resolves when no change of state is under way. */
  settled(): Promise<void> {
    return this.#underWay;
  }

  /** Changes the configuration within the version, as the metadata endpoints do. */
  amend(config: MachineConfig): void {
    this.hold({ ...this.version, config });
  }

  /**
   * Replaces the version. A machine that was up is stopped and booted anew unless `skipLaunch`; one that was
   * not stays down in any case, but for `updateStartsResting`.
   *
   * @throws ApiError 409 while another change is under way
   */
  update(version: MachineVersion, skipLaunch: boolean): void {
    if (this.changing) {
      throw refusal(409, `aborted: concurrent update in progress, machine is ${this.state}`);
    }
    const { behaviour, faults } = this.host;
    const before = { version: this.version, state: this.state };
    const wasUp = before.state === 'started' || before.state === 'failed';
    const launches = !skipLaunch && (wasUp || behaviour.updateStartsResting);
    const reverts = faults.takeRevert();
    this.lag(behaviour.updateLagMs);
    this.hold(version);
    this.#updates += 1;
    this.#restarts = 0;
    this.history.restart();
    this.history.add('update', 'replacing', 'user');
    this.#proceed('replacing', async () => {
      await this.#runner.halt(stopPolicy(before.version.config));
      if (reverts) this.hold(before.version);
      if (reverts ? before.state === 'started' : launches) await this.#launch();
      else this.#rest('stopped');
    });
  }

  /** @throws ApiError 412 while it is replaced, being stopped, or from state `created` */
  start(): void {
    if (this.state === 'started' || this.state === 'starting') return;
    if (this.state === 'replacing') {
      if (this.host.behaviour.startWhileReplacing === 'dropped') return;
      throw refusal(412, 'failed_precondition: machine getting replaced, refusing to start');
    }
    if (this.state === 'stopping') {
      throw refusal(412, 'failed_precondition: machine still active, refusing to start');
    }
    if (this.state === 'created' || this.changing) throw this.#cannot('start');
    this.#boots('starting');
  }

  /** The first start, which the platform itself makes after the creation. */
  launch(): void {
    this.#boots('starting');
  }

  /** @throws ApiError 412 while another change is under way */
  stop(policy: StopPolicy = stopPolicy(this.version.config)): void {
    if (this.changing) throw this.#cannot('stop');
    if (this.state === 'suspended') this.#proceed('stopping', () => this.#end(KILL));
    if (this.state === 'started') this.#proceed('stopping', () => this.#end(policy));
  }

  /** Stops and starts the same version. @throws ApiError 412 when it is not up */
  restart(policy: StopPolicy): void {
    if (this.state !== 'started') throw this.#cannot('restart');
    this.history.add('restart', 'restarting', 'user');
    this.#boots('restarting', policy);
  }

  /** Freezes the program with all its memory. @throws ApiError 412 when it is not up */
  suspend(): void {
    if (this.state === 'suspended') return;
    if (this.state !== 'started') throw this.#cannot('suspend');
    this.#proceed('suspending', async () => {
      this.#runner.freeze();
      this.#rest('suspended');
    });
  }

  /** @throws ApiError 412 when it is up or changing, unless forced */
  destroy(force: boolean): void {
    if (!force && (this.changing || this.state === 'started')) throw this.#cannot('destroy');
    this.#proceed('destroying', () => this.#destroy());
  }

  /** Kills the process, if any, and never starts one again. */
  async dispose(): Promise<void> {
    await this.#runner.dispose();
    await this.#underWay;
  }

  #cannot(verb: string) {
    return refusal(412, `failed_precondition: unable to ${verb} machine from current state: '${this.state}'`);
  }

  #proceed(state: MachineState, work: () => Promise<void>): void {
    this.enter(state);
    this.#underWay = work().catch(() => this.#rest('failed'));
  }

  #rest(state: RestingState): void {
    this.history.add(state === 'started' ? 'start' : 'stop', state, 'flyd');
    this.enter(state);
  }

  /** A start of the version there is: from the snapshot of a suspended machine, if there is one. */
  #boots(state: MachineState, stopping: StopPolicy = KILL): void {
    this.#proceed(state, async () => {
      if (state === 'starting' && this.#runner.thaw()) return this.#rest('started');
      await this.#runner.halt(stopping);
      if (this.host.behaviour.startTakesNewSecrets) {
        this.hold({ ...this.version, secrets: this.host.secrets() });
      }
      await this.#launch();
    });
  }

  async #launch(): Promise<void> {
    if (this.state === 'replacing') this.enter('starting');
    await this.#runner.launch(this.version);
    this.#rest('started');
  }

  async #end(policy: StopPolicy): Promise<void> {
    await this.#runner.halt(policy);
    if (this.version.config.auto_destroy === true) await this.#destroy();
    else this.#rest('stopped');
  }

  async #destroy(): Promise<void> {
    await this.#runner.dispose();
    this.history.add('destroy', 'destroyed', 'flyd');
    this.enter('destroyed');
  }

  /** The program ended by itself: started again, destroyed, or down: `failed` unless it meant to end. */
  #exited(exit: Exit): void {
    const { config } = this.version;
    const restarting = this.#restarts < restartsAllowed(config, exit.code ?? -1);
    if (restarting) this.#restarts += 1;
    const state = exit.code === 0 || restarting ? 'stopped' : 'failed';
    this.history.exit(exit, state, { restarting, count: this.#restarts });
    if (config.auto_destroy === true) this.#proceed('destroying', () => this.#destroy());
    else if (restarting) this.#proceed('starting', () => this.#startAgain());
    else this.enter(state);
  }

  async #startAgain(): Promise<void> {
    await pause(RESTART_PAUSE_MS);
    await this.#launch();
  }
}
