import { refusal } from './api-error.ts';
import type { ExecRequest } from './exec.ts';
import { type MachineCall, machineRoute, type Reply, type Route } from './route.ts';

/** The longest that a command may take, and how long it may when the request says nothing, in seconds. */
const MAX_TIMEOUT_SECONDS = 60;

export const execRoutes: readonly Route[] = [machineRoute('POST /exec', 'execMachine', exec)];

/**
 * Runs a command in a started machine. Any lease forbids it, and its nonce does not help.
 *
 * @throws ApiError 400 without a command, 409 under a lease, 412 when the machine is not up, 408 at the timeout
 */
async function exec({ machine, body, nowMs }: MachineCall): Promise<Reply> {
  const request = requested(body);
  machine.lease.forbid(nowMs);
  const { boot } = machine;
  if (machine.state !== 'started' || !boot) {
    throw refusal(412, `failed_precondition: machine is not running, current state: '${machine.state}'`);
  }
  return { status: 200, body: await boot.exec(request) };
}

function requested(body: MachineCall['body']): ExecRequest {
  const { command, cmd, stdin = '', timeout = MAX_TIMEOUT_SECONDS, container } = body;
  const words = Array.isArray(command) ? command : String(cmd ?? '').split(' ');
  if (words.length === 0 || words[0] === '' || words.some((word) => typeof word !== 'string')) {
    throw refusal(400, 'invalid_argument: command is required');
  }
  if (typeof stdin !== 'string') throw refusal(400, 'invalid_argument: stdin must be a string');
  if (typeof timeout !== 'number' || !Number.isInteger(timeout) || timeout < 0) {
    throw refusal(400, 'invalid_argument: timeout must be a whole number of seconds');
  }
  if (container !== undefined && container !== '') throw refusal(404, 'not_found: container not found');
  const seconds = timeout === 0 ? MAX_TIMEOUT_SECONDS : Math.min(timeout, MAX_TIMEOUT_SECONDS);
  return { command: words, stdin, timeoutMs: seconds * 1_000 };
}
