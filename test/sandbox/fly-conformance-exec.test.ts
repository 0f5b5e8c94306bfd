import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FlySubject, SERVER, startFlySubject } from './fixtures/fly-subject.ts';

let fly: FlySubject;
let machine: string;
before(async () => {
  fly = await startFlySubject();
  machine = await fly.add('started');
});
after(() => fly.stop());

const exec = (body: Record<string, unknown>, nonce?: string) =>
  fly.call('POST', `${machine}/exec`, { body: { timeout: 10, ...body }, ...(nonce && { nonce }) });
const shell = (script: string, ...args: string[]) => ['sh', '-c', script, 'sh', ...args];

test('a command runs with the standard input it is given, and tells output and exit code', async () => {
  const { status, body } = await exec({ command: shell('cat; echo trouble >&2'), stdin: 'from outside' });
  assert.equal(status, 200);
  assert.equal(body.exit_code ?? 0, 0);
  assert.equal(body.stdout, 'from outside');
  assert.equal(body.stderr, 'trouble\n');
});

test('a command that fails is 200 all the same: the exit code tells', async () => {
  const { status, body } = await exec({ command: shell('exit 7') });
  assert.equal(status, 200);
  assert.equal(body.exit_code, 7);
});

test('what one command writes the next one reads, with the mode it was given', async () => {
  const path = '/run/conformance';
  const write = shell('umask 077; mkdir -p "$(dirname "$1")"; cat > "$1.tmp" && mv "$1.tmp" "$1"', path);
  await exec({ command: write, stdin: 'kept' });
  const { body } = await exec({ command: shell('cat "$1"; stat -c %a "$1"', path) });
  assert.equal(body.stdout, 'kept600\n');
});

test('an update begins with a new root file system', async () => {
  await exec({ command: shell('mkdir -p "$(dirname "$1")"; touch "$1"', '/run/gone/file') });
  const { body } = await fly.call('POST', machine, { body: { config: SERVER } });
  assert.equal(await fly.settled(machine, body.instance_id), 'started');
  const { body: look } = await exec({ command: shell('test -e "$1"', '/run/gone/file') });
  assert.equal(look.exit_code, 1);
});

test('a command that takes longer than its timeout does not succeed', async () => {
  const { status, body } = await exec({ command: ['sleep', '30'], timeout: 1 });
  assert.ok(status !== 200 || body.exit_code !== 0);
});

test('without a command it is 400', async () => {
  assert.equal((await exec({})).status, 400);
  assert.equal((await exec({ command: [] })).status, 400);
});

test('under a lease it is 409, also for the holder, and works again after the release', async () => {
  const { body } = await fly.call('POST', `${machine}/lease?ttl=30`);
  const { nonce } = body.data;
  for (const presented of [undefined, 'wrong', nonce]) {
    assert.equal((await exec({ command: ['true'] }, presented)).status, 409);
  }
  await fly.call('DELETE', `${machine}/lease`, { nonce });
  assert.equal((await exec({ command: ['true'] })).status, 200);
});

test('a machine that is not started runs no command', async () => {
  const stopped = await fly.add('stopped');
  const { status } = await fly.call('POST', `${stopped}/exec`, { body: { command: ['true'] } });
  assert.ok(status >= 400 && status < 500);
});
