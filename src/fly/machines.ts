import type { JsonObject, Machine, MachinesApi, MachineUpdate } from '@fly/machines-api';
import type { SecretValue } from '../secret-value.ts';
import { type Answer, answerTo, MachinesApiError } from './api-call.ts';
import { object } from './json-shape.ts';
import { type ObservedMachine, observeMachine } from './observed-machine.ts';
import { type ObservedVersion, observeVersions } from './observed-version.ts';

/** A machine as observed, and its config as it came, to be written back with a change in it. */
export interface FreshMachine {
  readonly observed: ObservedMachine;
  /** Complete and untyped; undefined when the host does not answer. May hold secrets: never to be shown. */
  readonly config: JsonObject | undefined;
}

/** A command to be run in a machine, without a shell of Fly's. */
export interface Execution {
  readonly command: readonly string[];
  /** What it reads; the only place for something that nobody else may see. */
  readonly stdin: SecretValue;
  /** 1 to 60; the call's own deadline must be longer. */
  readonly timeoutSeconds: number;
}

/** The machines of one app. Every method throws `MachinesApiError`, or the signal's reason when aborted. */
export interface Machines {
  list(signal?: AbortSignal): Promise<ObservedMachine[]>;
  /** Undefined when the machine is gone. */
  get(id: string, signal?: AbortSignal): Promise<FreshMachine | undefined>;
  /** Takes the machine's lease for `ttlSeconds` and gives its nonce; 409 when somebody holds it. */
  lease(id: string, ttlSeconds: number, signal?: AbortSignal): Promise<string>;
  /** Has the lease last `ttlSeconds` from now; gives its nonce, another one when it had ended meanwhile. */
  prolong(id: string, nonce: string, ttlSeconds: number, signal?: AbortSignal): Promise<string>;
  /** Gives the lease back; one that is gone already is fine. */
  release(id: string, nonce: string): Promise<void>;
  /** Replaces the machine's config under a lease; gives the machine with its new `instanceId`. */
  update(id: string, nonce: string, change: MachineUpdate, signal?: AbortSignal): Promise<ObservedMachine>;
  /** Waits until that version has left its transient states; false when it has not within `seconds` (1–60). */
  settled(id: string, instanceId: string, seconds: number, signal?: AbortSignal): Promise<boolean>;
  /** Every version that the machine had or was to have; empty when Fly does not tell. */
  versions(id: string, signal?: AbortSignal): Promise<readonly ObservedVersion[]>;
  /** Runs a command in a started machine; gives its exit code. 409 while anybody, we included, holds the lease. */
  exec(id: string, execution: Execution, signal?: AbortSignal): Promise<number>;
  /** Sets one key of the metadata without making a new version. Not guarded by a lease. */
  note(id: string, key: string, value: string, signal?: AbortSignal): Promise<void>;
}

/** A process that a signal ended has no code of its own: a shell adds the signal to this. */
const SIGNALLED = 128;
const NONCE_HEADER = 'fly-machine-lease-nonce';
/** Shown to whoever meets the lease. */
const LEASE_DESCRIPTION = 'tokenbinding-controller: rolling a secret';

/** `Machines` over the API. */
export class ApiMachines implements Machines {
  readonly #api: MachinesApi;
  readonly #app: string;

  constructor(api: MachinesApi, app: string) {
    this.#api = api;
    this.#app = app;
  }

  async list(signal?: AbortSignal): Promise<ObservedMachine[]> {
    const call = this.#api.GET('/apps/{app_name}/machines', {
      params: { path: { app_name: this.#app } },
      ...(signal && { signal }),
    });
    const { body, requestId } = await answerTo('list its machines', call, signal);
    const machines: readonly unknown[] = Array.isArray(body) ? body : [undefined];
    return machines.map((json) => readMachine('list its machines', json, requestId));
  }

  async get(id: string, signal?: AbortSignal): Promise<FreshMachine | undefined> {
    const action = `read machine ${id}`;
    const call = this.#api.GET('/apps/{app_name}/machines/{machine_id}', {
      params: { path: this.#path(id) },
      ...(signal && { signal }),
    });
    const answer = await answerTo(action, call, signal).catch(undefinedWhenGone);
    return answer && freshMachine(action, answer);
  }

  lease(id: string, ttlSeconds: number, signal?: AbortSignal): Promise<string> {
    return this.#lease(`take the lease of machine ${id}`, { id, ttlSeconds }, signal);
  }

  prolong(id: string, nonce: string, ttlSeconds: number, signal?: AbortSignal): Promise<string> {
    return this.#lease(`prolong the lease of machine ${id}`, { id, ttlSeconds, nonce }, signal);
  }

  async release(id: string, nonce: string): Promise<void> {
    const call = this.#api.DELETE('/apps/{app_name}/machines/{machine_id}/lease', {
      params: { path: this.#path(id), header: { [NONCE_HEADER]: nonce } },
    });
    await answerTo(`release the lease of machine ${id}`, call).catch(undefinedWhenGone);
  }

  async update(
    id: string,
    nonce: string,
    change: MachineUpdate,
    signal?: AbortSignal,
  ): Promise<ObservedMachine> {
    const action = `update machine ${id}`;
    const call = this.#api.POST('/apps/{app_name}/machines/{machine_id}', {
      params: { path: this.#path(id) },
      headers: { [NONCE_HEADER]: nonce },
      body: change,
      ...(signal && { signal }),
    });
    const { body, requestId } = await answerTo(action, call, signal);
    return readMachine(action, body, requestId);
  }

  async settled(id: string, instanceId: string, seconds: number, signal?: AbortSignal): Promise<boolean> {
    const call = this.#api.GET('/apps/{app_name}/machines/{machine_id}/wait', {
      params: { path: this.#path(id), query: { state: 'settled', version: instanceId, timeout: seconds } },
      ...(signal && { signal }),
    });
    const answer = await answerTo(`wait for machine ${id}`, call, signal).catch(undefinedWhenNotYet);
    return answer !== undefined;
  }

  async versions(id: string, signal?: AbortSignal): Promise<readonly ObservedVersion[]> {
    const call = this.#api.GET('/apps/{app_name}/machines/{machine_id}/versions', {
      params: { path: this.#path(id) },
      ...(signal && { signal }),
    });
    const answer = await answerTo(`list the versions of machine ${id}`, call, signal).catch(
      undefinedWhenUntold,
    );
    return observeVersions(answer?.body);
  }

  async exec(
    id: string,
    { command, stdin, timeoutSeconds }: Execution,
    signal?: AbortSignal,
  ): Promise<number> {
    const action = `run a command in machine ${id}`;
    const call = this.#api.POST('/apps/{app_name}/machines/{machine_id}/exec', {
      params: { path: this.#path(id) },
      body: { command: [...command], stdin: stdin.reveal(), timeout: timeoutSeconds },
      ...(signal && { signal }),
    });
    const { body, requestId } = await answerTo(action, call, signal);
    const { exit_code: code = 0, exit_signal: exitSignal = 0 } = object(body);
    if (body === undefined || typeof code !== 'number' || typeof exitSignal !== 'number') {
      throw new MachinesApiError(action, { kind: 'unreadable' }, requestId);
    }
    return exitSignal > 0 ? SIGNALLED + exitSignal : code;
  }

  async note(id: string, key: string, value: string, signal?: AbortSignal): Promise<void> {
    const call = this.#api.POST('/apps/{app_name}/machines/{machine_id}/metadata/{key}', {
      params: { path: { ...this.#path(id), key } },
      body: { value },
      ...(signal && { signal }),
    });
    await answerTo(`leave a note on machine ${id}`, call, signal);
  }

  async #lease(
    action: string,
    { id, ttlSeconds, nonce }: { id: string; ttlSeconds: number; nonce?: string },
    signal?: AbortSignal,
  ): Promise<string> {
    const call = this.#api.POST('/apps/{app_name}/machines/{machine_id}/lease', {
      params: {
        path: this.#path(id),
        query: { ttl: ttlSeconds },
        ...(nonce !== undefined && { header: { [NONCE_HEADER]: nonce } }),
      },
      body: { ttl: ttlSeconds, description: LEASE_DESCRIPTION },
      ...(signal && { signal }),
    });
    const { body, requestId } = await answerTo(action, call, signal);
    const given = body?.data?.nonce;
    if (typeof given === 'string' && given !== '') return given;
    throw new MachinesApiError(action, { kind: 'unreadable' }, requestId);
  }

  #path(id: string) {
    return { app_name: this.#app, machine_id: id };
  }
}

function readMachine(action: string, json: unknown, requestId: string | undefined): ObservedMachine {
  const machine = observeMachine(json, requestId);
  if (!machine) throw new MachinesApiError(action, { kind: 'unreadable' }, requestId);
  return machine;
}

function freshMachine(action: string, { body, requestId }: Answer<Machine>): FreshMachine {
  const observed = readMachine(action, body, requestId);
  return { observed, config: observed.reachable ? object(body?.config) : undefined };
}

function undefinedWhenGone(error: unknown): undefined {
  if (!(error instanceof MachinesApiError && error.hasStatus(404))) throw error;
}

/** 408: not within the time asked for. 404: the new version is not visible everywhere yet. */
function undefinedWhenNotYet(error: unknown): undefined {
  if (!(error instanceof MachinesApiError && error.hasStatus(404, 408))) throw error;
}

/** What only a look back needs is not worth failing for. */
function undefinedWhenUntold(error: unknown): undefined {
  if (!(error instanceof MachinesApiError && error.hasStatus(400, 401, 403, 404, 405, 501))) throw error;
}
