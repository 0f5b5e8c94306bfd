import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import {
  BINDING,
  conditionOf,
  createTenant,
  isTrue,
  PATIENCE_MS,
  startScenario,
  type Tenant,
} from './scenario.ts';

const NAMESPACE = 'story';
const RFC_3339 = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;

describe('what kubectl tells of a binding, without a look at logs', () => {
  let world: World;
  let tenant: Tenant;
  let controller: ControllerProcess;

  /** Runs kubectl in the namespace and gives what it prints. */
  async function kubectl(...args: string[]): Promise<string> {
    const { stdout, stderr, code } = await world.cluster.kubectl([...args, `--namespace=${NAMESPACE}`]);
    assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  before(async () => {
    world = await startScenario();
    tenant = await createTenant(world, NAMESPACE);
    controller = await world.startController();
    await tenant.bind();
  });
  after(() => world?.stop());

  it('kubectl wait returns once the token is everywhere', async () => {
    await kubectl('wait', `tb/${BINDING}`, '--for=condition=Ready', '--timeout=60s');
    const { status } = await tenant.binding();
    assert.equal(status?.deliveries?.[0]?.machines?.current, 2);
  });

  it('kubectl get shows state, reason, times and deliveries in one line', async () => {
    await tenant.settled();
    const [header, row, ...more] = (await kubectl('get', 'tb')).trimEnd().split('\n');
    assert.match(header ?? '', /^NAME +READY +REASON +EXPIRES +NEXT REFRESH +DELIVERIES +AGE$/);
    const line = `^${BINDING} +True +Current +${RFC_3339} +${RFC_3339} +1/1 +\\d+m?\\d*s$`;
    assert.match(row ?? '', new RegExp(line));
    assert.deepEqual(more, []);
  });

  it('kubectl get -o wide adds the audience and the failed attempts', async () => {
    const [header, row] = (await kubectl('get', 'tb', '--output=wide')).trimEnd().split('\n');
    assert.match(header ?? '', / AUDIENCE +ATTEMPTS$/);
    assert.match(row ?? '', new RegExp(` ${world.outside.audience} +0$`));
  });

  it('kubectl describe gives every condition a reason and a sentence, and the events in their order', async () => {
    const text = await waitFor(() => kubectl('describe', 'tb', BINDING), {
      what: 'the events of the first token',
      timeoutMs: PATIENCE_MS,
      until: (described) => described.includes('RolloutSucceeded'),
    });
    for (const [type, reason] of Object.entries({
      Ready: 'Current',
      Issued: 'Issued',
      Delivered: 'Delivered',
    })) {
      assert.match(
        text,
        new RegExp(
          `Message: +\\S.+\\n +Observed Generation: +1\\n +Reason: +${reason}\\n +Status: +True\\n +Type: +${type}\\n`,
        ),
      );
    }
    assert.doesNotMatch(text, /Type: +(Stalled|Reconciling)/);
    const [, events = ''] = text.split('\nEvents:\n');
    const told = Array.from(events.matchAll(/^ +Normal +(\w+) +\S+ +tokenbinding-controller +(\S.*)$/gm));
    const reasons = told.map(([, reason]) => reason);
    assert.deepEqual(reasons, ['TokenIssued', 'SecretWritten', 'RolloutStarted', 'RolloutSucceeded']);
  });

  it('kubectl get events names the binding beside what happened to it', async () => {
    const text = await kubectl('get', 'events');
    const { status } = await tenant.binding();
    const object = `tokenbinding/${BINDING}`;
    assert.match(text, new RegExp(`Normal +TokenIssued +${object} +Token ${status?.token?.id} was issued`));
    assert.match(text, new RegExp(`Normal +RolloutSucceeded +${object} +All machines have the token`));
    assert.doesNotMatch(text, /Warning/);
  });

  it('kubectl explain describes every field of the spec, down to the last', async () => {
    const listed = await kubectl('explain', 'tokenbinding.spec', '--recursive');
    const paths = pathsIn(listed.slice(listed.indexOf('FIELDS:')));
    for (const path of ['source.auth0.domain', 'deliveries.fly.rollout.strategy', 'suspend']) {
      assert.ok(paths.includes(path), `${path} is not explained; there are: ${paths.join(', ')}`);
    }
    for (const path of ['', ...paths.map((found) => `.${found}`)]) {
      const text = await kubectl('explain', `tokenbinding.spec${path}`);
      assert.match(text, /DESCRIPTION:\n +[A-Z]\S* \S/, `spec${path} has no description`);
      assert.doesNotMatch(text, /DESCRIPTION:\n +<empty>/, `spec${path} has no description`);
    }
  });

  it('kubectl annotate refreshes once per value, and the status echoes it', async () => {
    await tenant.settled();
    const [before] = await issuedAndUpdates();
    for (const [count, value] of ['first', 'second'].entries()) {
      const annotation = `tokenbinding.erauner.dev/refresh-requested-at=${value}`;
      await kubectl('annotate', 'tb', BINDING, annotation, '--overwrite');
      await tenant.settled(value);
      const [issued, updates] = await issuedAndUpdates();
      assert.equal(issued, (before ?? 0) + count + 1, `tokens issued after the ${value} request`);
      assert.deepEqual(updates, [count + 2, count + 2], `updates of the machines after the ${value} request`);
      assert.equal((await tenant.token())?.jti, world.outside.issuer.issued.at(-1)?.tokenId);
    }
    await waitFor(() => kubectl('get', 'events', '--field-selector=reason=Refreshed', '--output=name'), {
      what: 'one event for each refresh',
      timeoutMs: PATIENCE_MS,
      until: (names) => names.trimEnd().split('\n').length === 2,
    });
  });

  it('a suspended binding says so, stays Ready, and leaves a requested refresh for later', async () => {
    await tenant.settled();
    const [before] = await issuedAndUpdates();
    await kubectl('patch', 'tb', BINDING, '--type=merge', '--patch={"spec":{"suspend":true}}');
    await kubectl(
      'wait',
      `tb/${BINDING}`,
      '--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=Suspended',
    );
    assert.ok(isTrue(await tenant.binding(), 'Ready'));
    // The first run counted may still be the one that suspended; the second is one that saw a request.
    const runs = await runsEnded();
    let refresh = '';
    for (const count of [1, 2]) {
      refresh = await tenant.requestRefresh();
      await waitFor(runsEnded, {
        what: 'a run after the request',
        timeoutMs: PATIENCE_MS,
        until: (now) => now >= runs + count,
      });
    }
    assert.equal((await issuedAndUpdates())[0], before, 'a token was issued while suspended');
    await kubectl('patch', 'tb', BINDING, '--type=merge', '--patch={"spec":{"suspend":false}}');
    await tenant.settled(refresh);
    assert.equal((await issuedAndUpdates())[0], (before ?? 0) + 1);
  });

  it('a suspended binding whose token expires is no longer Ready, and says what to do', async () => {
    const name = 'orders-api';
    world.outside.issuer.setTokenLifetime(8);
    await tenant.bind((binding) => {
      binding.metadata = { ...binding.metadata, name };
      Object.assign(binding.spec, { secret: { name: `${name}-token` }, deliveries: [] });
    });
    await kubectl('wait', `tb/${name}`, '--for=condition=Ready', '--timeout=60s');
    await kubectl('patch', 'tb', name, '--type=merge', '--patch={"spec":{"suspend":true}}');
    await kubectl('wait', `tb/${name}`, '--for=condition=Ready=False', '--timeout=60s');
    const ready = conditionOf(await tenant.binding(name), 'Ready');
    assert.equal(ready?.reason, 'TokenExpired');
    assert.match(ready?.message ?? '', /spec\.suspend is true: set it to false/);
    const line = new RegExp(`Warning +TokenExpired +tokenbinding/${name}`);
    await waitFor(() => kubectl('get', 'events'), {
      what: 'the event of the expiry',
      timeoutMs: PATIENCE_MS,
      until: (text) => line.test(text),
    });
  });

  async function issuedAndUpdates(): Promise<[number, number[]]> {
    const { issuer, fly, app } = world.outside;
    return [issuer.issued.length, fly.machines(app).map(({ updates }) => updates)];
  }

  /** Runs of all bindings that the controller has finished. */
  async function runsEnded(): Promise<number> {
    const text = await (await fetch(`${controller.metricsUrl}/metrics`)).text();
    const samples = text.matchAll(/^tokenbinding_reconcile_total\{.*\} (\d+)$/gm);
    return Array.from(samples, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0);
  }
});

/** Dotted paths of the fields that `kubectl explain --recursive` lists by indentation. */
function pathsIn(listing: string): string[] {
  const path: string[] = [];
  const paths: string[] = [];
  for (const [, indent = '', field = ''] of listing.matchAll(/^( +)(\w+)\t</gm)) {
    path.length = indent.length / 2 - 1;
    path.push(field);
    paths.push(path.join('.'));
  }
  return paths;
}
