import { configuredChecks, longestInterval } from './check-interval.ts';
import { list, object, texts } from './json-shape.ts';
import { type MachineHistory, observeHistory } from './machine-history.ts';

/** One health check result as the machine reports it. */
export type CheckStatus = 'passing' | 'failing';

/**
 * What a rollout needs to know of a machine. Only names, numbers and states: nothing of the environment, no
 * nonce, so that it may be shown.
 */
export interface ObservedMachine extends MachineHistory {
  readonly id: string;
  /** Names the version of the machine; changes with every update. */
  readonly instanceId: string;
  /** As Fly words it; a word we do not know means: wait. */
  readonly state: string;
  /** False when the host does not answer or the config is missing: there is nothing to write back then. */
  readonly reachable: boolean;
  readonly metadata: ReadonlyMap<string, string>;
  /** Destroys itself when its process ends (`auto_destroy`). */
  readonly oneShot: boolean;
  /** Started by Fly at intervals (`schedule`). */
  readonly scheduled: boolean;
  /** Number of checks that the config asks for, of the machine and of its services. */
  readonly checksConfigured: number;
  /** Within this time each of them runs, in ms; 0 without checks. */
  readonly checkIntervalMs: number;
  readonly checks: readonly CheckStatus[];
  /** Fly's id of the request that this was read with. */
  readonly requestId: string | undefined;
}

const ID = /^\w{1,64}$/;
const STATE = /^[a-z_]{1,32}$/;
/** Results that the platform invents for older versions of flyctl (fly-go, RemoveCompatChecks). */
const INVENTED_CHECK = 'bg_deployments_compat';

/** Reads a machine; undefined when the JSON is not one. Words that are not shaped like Fly's become `unknown`. */
export function observeMachine(json: unknown, requestId?: string): ObservedMachine | undefined {
  const machine = object(json);
  const { id, instance_id: instanceId, state, host_status: hostStatus } = machine;
  if (typeof id !== 'string' || !ID.test(id) || typeof instanceId !== 'string') return undefined;
  const config = object(machine.config);
  const configured = configuredChecks(config);
  return {
    id,
    instanceId,
    state: typeof state === 'string' && STATE.test(state) ? state : 'unknown',
    reachable: Object.keys(config).length > 0 && (hostStatus === undefined || hostStatus === 'ok'),
    metadata: texts(object(machine.config ?? machine.incomplete_config).metadata),
    oneShot: config.auto_destroy === true,
    scheduled: typeof config.schedule === 'string' && config.schedule !== '',
    checksConfigured: configured.length,
    checkIntervalMs: longestInterval(configured),
    checks: checkResults(machine.checks),
    ...observeHistory(machine),
    requestId,
  };
}

function checkResults(checks: unknown): CheckStatus[] {
  return list(checks)
    .map(object)
    .filter(({ name }) => !(typeof name === 'string' && name.startsWith(INVENTED_CHECK)))
    .map(({ status }) => (status === 'passing' ? 'passing' : 'failing'));
}
