import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { observeMachine } from '../../src/fly/observed-machine.ts';

const MACHINE = { id: 'm1', instance_id: 'v1', state: 'started', config: { image: 'x' } };

function observe(change: object) {
  const machine = observeMachine({ ...MACHINE, ...change }, 'req-1');
  assert.ok(machine);
  return machine;
}

test('what is not a machine is not taken for one', () => {
  for (const json of [undefined, null, 'text', [], {}, { id: 'm1' }, { ...MACHINE, id: 'a/../b' }]) {
    assert.equal(observeMachine(json), undefined);
  }
});

test('a state that is not shaped like one is unknown', () => {
  assert.equal(observe({ state: 'Started <b>' }).state, 'unknown');
  assert.equal(observe({ state: undefined }).state, 'unknown');
  assert.equal(observe({ state: 'a_new_state' }).state, 'a_new_state');
});

test('nothing of the environment, the nonce or a check output is kept', () => {
  const machine = observe({
    nonce: 'canary',
    config: { env: { A: 'canary' }, files: [{ raw_value: 'canary' }] },
    checks: [{ name: 'alive', status: 'critical', output: 'canary' }],
  });
  assert.doesNotMatch(inspect(machine, { depth: null }), /canary/);
});

test('checks are counted where they are configured: at the machine and at each service', () => {
  const services = [{ checks: [{}, {}] }, { checks: null }, {}];
  assert.equal(observe({ config: { checks: { a: {}, b: {} }, services } }).checksConfigured, 4);
  assert.equal(observe({ config: { checks: null, services: null } }).checksConfigured, 0);
});

test('warning and critical both count as failing; results that the platform invents do not count', () => {
  const statuses = ['passing', 'warning', 'critical', undefined];
  const checks = [
    ...statuses.map((status) => ({ name: 'c', status })),
    { name: 'bg_deployments_compat_http', status: 'passing' },
  ];
  assert.deepEqual(observe({ checks }).checks, ['passing', 'failing', 'failing', 'failing']);
});

test('a host that does not answer makes the machine unreachable, as does a missing config', () => {
  assert.equal(observe({}).reachable, true);
  assert.equal(observe({ host_status: 'ok' }).reachable, true);
  assert.equal(observe({ host_status: 'unreachable' }).reachable, false);
  assert.equal(observe({ host_status: 'unknown' }).reachable, false);
  for (const config of [undefined, null, {}, []]) assert.equal(observe({ config }).reachable, false);
});

test('the newest event is the last change, whatever order they come in; else updated_at', () => {
  const events = [
    { type: 'launch', timestamp: 1_000 },
    { type: 'start', timestamp: 3_000 },
  ];
  const machine = observe({ events, updated_at: '2026-01-01T00:00:00Z' });
  assert.equal(machine.changedAt, 3_000);
  assert.equal(machine.startedAt, 3_000);
  assert.equal(observe({ updated_at: '2026-01-01T00:00:00Z' }).changedAt, Date.UTC(2026, 0, 1));
  assert.equal(observe({ updated_at: 'soon' }).changedAt, undefined);
});

test('an exit is read from either of its two places, with the time the process had been up', () => {
  const exit = { exit_code: 3, requested_stop: false, restarting: true };
  for (const request of [{ exit_event: exit }, { MonitorEvent: { exit_event: exit } }]) {
    const events = [
      { type: 'exit', timestamp: 9_000, request: { ...request, restart_count: 2 } },
      { type: 'start', timestamp: 4_000 },
    ];
    assert.deepEqual(observe({ events }).lastExit, {
      requested: false,
      code: 3,
      restarting: true,
      restarts: 2,
      uptimeMs: 5_000,
    });
  }
});

test('an exit from before the last update says nothing about the present version', () => {
  const exit = { type: 'exit', timestamp: 1_000, request: { exit_event: { exit_code: 1 } } };
  assert.equal(observe({ events: [{ type: 'update', timestamp: 2_000 }, exit] }).lastExit, undefined);
});
