import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Measure, type Standing, standingOf } from '../../src/fly/machine-standing.ts';
import { reloadNoteFor } from '../../src/fly/reload-note.ts';
import { aMachine, MEASURE, NOW, withTarget } from './machine-fixture.ts';

const MINUTE = 60_000;
const CRASH = { requested: false, code: 1, restarting: false, restarts: 0, uptimeMs: 3_000 };
const CRASHED = { state: 'stopped', lastExit: CRASH, exitedAt: NOW - MINUTE };
const OURS = new Map([['marker', 'm1:6']]);

const WITH_TARGET: readonly (readonly [string, Standing, Parameters<typeof aMachine>[0]])[] = [
  ['started and every check passes', 'current', {}],
  ['carries a later version', 'current', { metadata: new Map([['marker', 'm1:8']]) }],
  ['started and a check fails', 'settling', { checks: ['passing', 'failing'] }],
  ['started and no check has a result yet', 'settling', { checks: [] }],
  ['unwell for longer than the timeout', 'overdue', { checks: [], changedAt: NOW - 5 * MINUTE }],
  ['unwell and nothing tells since when', 'settling', { checks: [], changedAt: undefined }],
  ['without checks, up for less than 10 s', 'settling', { checksConfigured: 0, startedAt: NOW - 9_999 }],
  ['without checks, up for 10 s', 'current', { checksConfigured: 0, startedAt: NOW - 10_000 }],
  ['restarting over and over', 'broken', { lastExit: { ...CRASH, restarting: true, restarts: 2 } }],
  ['restarted once', 'current', { lastExit: { ...CRASH, restarting: true, restarts: 1 } }],
  ['replacing', 'settling', { state: 'replacing' }],
  ['stuck while replacing', 'overdue', { state: 'replacing', changedAt: NOW - 5 * MINUTE }],
  ['stopped', 'current', { state: 'stopped' }],
  ['suspended', 'current', { state: 'suspended' }],
  ['stopped by request', 'current', { state: 'stopped', lastExit: { ...CRASH, requested: true } }],
  [
    'stopped after ending in peace',
    'current',
    { state: 'stopped', lastExit: { ...CRASH, code: 0, uptimeMs: MINUTE } },
  ],
  ['stopped after ending at once', 'broken', { state: 'stopped', lastExit: { ...CRASH, code: 0 } }],
  ['stopped by a crash', 'broken', { state: 'stopped', lastExit: CRASH }],
  ['failed', 'broken', { state: 'failed' }],
];

const WITHOUT: readonly (readonly [string, Standing, Parameters<typeof aMachine>[0]])[] = [
  ['started', 'running', {}],
  ['failed', 'running', { state: 'failed' }],
  ['started by a schedule', 'held', { scheduled: true }],
  ['scheduled and stopped', 'resting', { scheduled: true, state: 'stopped' }],
  ['stopped', 'resting', { state: 'stopped' }],
  ['suspended', 'resting', { state: 'suspended' }],
  ['created', 'resting', { state: 'created' }],
  ['down by a crash with a token of ours', 'running', { ...CRASHED, metadata: OURS }],
  ['down by a crash before it had one', 'resting', CRASHED],
  [
    'down after ending at once without an error',
    'resting',
    { ...CRASHED, lastExit: { ...CRASH, code: 0 }, metadata: OURS },
  ],
  ['starting', 'busy', { state: 'starting' }],
  ['in a state nobody knows', 'busy', { state: 'unknown' }],
  ['stuck for ten minutes', 'held', { state: 'replacing', changedAt: NOW - 10 * MINUTE }],
  ['on a host that does not answer', 'held', { reachable: false }],
  ['with the marker of a clone', 'running', { metadata: new Map([['marker', 'm2:7']]) }],
  ['with an older version', 'running', { metadata: new Map([['marker', 'm1:6']]) }],
  ['with a marker that is not ours', 'running', { metadata: new Map([['marker', 'm1:7:x']]) }],
];

const SKIPPED: readonly (readonly [string, Parameters<typeof aMachine>[0]])[] = [
  ['runs a release command', { metadata: new Map([['fly_process_group', 'fly_app_release_command']]) }],
  ['runs a release command of old', { metadata: new Map([['process_group', 'release_command']]) }],
  ['is a console', { metadata: new Map([['fly_process_group', 'fly_app_console']]) }],
  ['runs a test of a deploy', { metadata: new Map([['fly_process_group', 'fly_app_test_machine_command']]) }],
  ['is a canary', { metadata: new Map([['fly_canary', 'true']]) }],
  ['is about to be destroyed', { metadata: new Map([['fly_bluegreen_deployment_tag', 'safe_to_destroy']]) }],
  ['destroys itself', { oneShot: true }],
  ['is being destroyed', { state: 'destroying' }],
  ['is destroyed', { state: 'destroyed' }],
  ['failed to launch', { state: 'launch_failed' }],
];

for (const [description, standing, change] of WITH_TARGET) {
  test(`a machine with the target, ${description}, is ${standing}`, () => {
    assert.equal(standingOf(withTarget(change), MEASURE), standing);
  });
}

for (const [description, standing, change] of WITHOUT) {
  test(`a machine without the target, ${description}, is ${standing}`, () => {
    assert.equal(standingOf(aMachine(change), MEASURE), standing);
  });
}

for (const [description, change] of SKIPPED) {
  test(`a machine that ${description} is skipped`, () => {
    assert.equal(standingOf(aMachine(change), MEASURE), 'skipped');
  });
}

for (const [when, at, standing] of [
  ['after its file was written is started with the next token', NOW - 2 * MINUTE, 'running'],
  ['before its file was written is left at rest', NOW - MINUTE / 2, 'resting'],
] as const) {
  test(`a machine that crashed ${when}`, () => {
    const measure: Measure = { ...MEASURE, strategy: 'Reload', reloadNote: 'note' };
    const metadata = new Map([['note', reloadNoteFor(aMachine(), 6, at)]]);
    assert.equal(standingOf(aMachine({ ...CRASHED, metadata }), measure), standing);
  });
}

test('with Reload, a scheduled machine that runs gets the value: that does not end its job', () => {
  assert.equal(standingOf(aMachine({ scheduled: true }), { ...MEASURE, strategy: 'Reload' }), 'running');
});

test('a machine that a blue-green deploy once made is rolled like any other', () => {
  const metadata = new Map([['fly_bluegreen_deployment_tag', '1764000000']]);
  assert.equal(standingOf(aMachine({ metadata }), MEASURE), 'running');
});
