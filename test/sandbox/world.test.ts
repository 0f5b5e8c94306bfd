import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { KubernetesObject } from '@kubernetes/client-node';
import { ObjectError } from '../../sandbox/cluster-objects.ts';
import { exampleBinding, exampleCredentials } from '../../sandbox/example.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import { startWorld, type World } from '../../sandbox/world.ts';

interface Binding extends KubernetesObject {
  readonly status?: {
    readonly token?: { readonly id: string };
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const NAMESPACE = 'toolbridge';
const SYSTEM = 'tokenbinding-system';

let world: World;
before(async () => {
  world = await startWorld({ env: process.env, progress: process.stderr });
});
after(() => world.stop());

const isReady = ({ status }: Binding) =>
  status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;

/** What a machine says of its token, as soon as it has booted. */
function healthOf(url: string | undefined): Promise<string> {
  const ask = async () => ((await (await fetch(`${url}/health`)).json()) as { state: string }).state;
  return waitFor(ask, { what: 'the machine to answer', timeoutMs: 10_000 });
}

describe('a world without a chart', () => {
  it('starts no controller: it has no rights to act by', async () => {
    await assert.rejects(world.startController(), /call installChart first/);
  });

  it('runs the consumer on machines that wait for their first token', async () => {
    const { fly, app } = world.outside;
    assert.deepEqual(fly.secretNames(app), ['TENANT_HEADER_SECRET']);
    const states = await Promise.all(fly.machines(app).map(({ url }) => healthOf(url)));
    assert.deepEqual(states, ['missing', 'missing']);
  });
});

describe('a world with the chart and a controller', () => {
  before(async () => {
    await world.installChart();
    await world.createNamespace(NAMESPACE);
    await world.objects.apply(await exampleCredentials(world.example));
  });

  it('brings the token of the example into its Secret and to every machine', async () => {
    await world.startController({ identity: 'first' });
    await world.objects.apply([await exampleBinding(world.example)]);
    const read = () => world.objects.get<Binding>('TokenBinding', NAMESPACE, 'toolbridge-api');
    await waitFor(read, { what: 'the binding to be Ready', timeoutMs: 30_000, until: isReady });
    const secrets = await world.objects.secretsOf(NAMESPACE);
    assert.match(secrets.get('toolbridge-api-token')?.token ?? '', /^eyJ/);
    const { fly, app } = world.outside;
    for (const { checks } of fly.machines(app)) assert.equal(checks[0]?.status, 'passing');
  });

  it('lets MCP clients call, and counts', async () => {
    const caller = world.startCaller();
    await waitFor(() => caller.counts.ok >= 5, { what: 'five good calls', timeoutMs: 20_000 });
    await caller.stop();
    assert.equal(caller.counts.refused + caller.counts.failed, 0);
  });

  it('takes both examples as they are', async () => {
    await world.objects.apply([await exampleBinding(world.example, 'secret-only.yaml')]);
    const names = (await world.objects.list('TokenBinding', NAMESPACE)).map(({ metadata }) => metadata?.name);
    assert.deepEqual(
      names.toSorted((a = '', b = '') => a.localeCompare(b)),
      ['orders-api', 'toolbridge-api'],
    );
  });

  it('runs each controller under its own name, with its own metrics, until it is killed', async () => {
    const second = await world.startController({ identity: 'second', extraArgs: ['--log-level=debug'] });
    assert.match(await (await fetch(`${second.metricsUrl}/metrics`)).text(), /tokenbinding_leader 0/);
    const lease = await world.objects.list<KubernetesObject & { spec: { holderIdentity: string } }>(
      'Lease',
      SYSTEM,
    );
    assert.deepEqual(
      lease.map(({ spec }) => spec.holderIdentity),
      ['first'],
    );
    assert.ok(second.logLines.some((line) => line.includes('"listening"')));
    second.kill('SIGKILL');
    assert.equal(await second.stopped, 'SIGKILL');
  });

  it('tells why a controller did not start', async () => {
    const starting = world.startController({ extraArgs: ['--workers=many'] });
    await assert.rejects(starting, /ended \(2\) before it listened:.*--workers/s);
  });
});

describe('the rights of a controller', () => {
  it('are those of the chart: it cannot read what the chart does not grant', async () => {
    const account = { namespace: SYSTEM, serviceAccount: 'tokenbinding' };
    const kubeconfig = await world.cluster.kubeconfigFor(account);
    const can = async (question: string) =>
      (await world.cluster.kubectl(['auth', 'can-i', ...question.split(' ')], { kubeconfig })).stdout.trim();
    assert.equal(await can(`patch secrets -n ${NAMESPACE}`), 'yes');
    assert.equal(await can(`get configmaps -n ${NAMESPACE}`), 'no');
  });
});

describe('the objects of a world', () => {
  const configMap = {
    ...{ apiVersion: 'v1', kind: 'ConfigMap' },
    ...{ metadata: { namespace: 'default', name: 'notes' }, data: { a: '1', b: '2' } },
  };

  it('are applied from objects or YAML, patched, read and deleted', async () => {
    await world.objects.apply([configMap]);
    await world.objects.patch('ConfigMap', 'default', 'notes', {
      metadata: { labels: { seen: 'yes' } },
      data: { a: null },
    });
    const found = await world.objects.get<typeof configMap & KubernetesObject>(
      'ConfigMap',
      'default',
      'notes',
    );
    assert.deepEqual(found?.data, { b: '2' });
    assert.deepEqual(found?.metadata?.labels, { seen: 'yes' });
    await world.objects.apply(
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: default, name: notes}\ndata: {c: "3"}',
    );
    await world.objects.delete('ConfigMap', 'default', 'notes');
    assert.equal(await world.objects.get('ConfigMap', 'default', 'notes'), undefined);
    await world.objects.delete('ConfigMap', 'default', 'notes');
  });

  it('that the API server refuses are named in the error, without what they hold', async () => {
    const secret = {
      ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls' },
      ...{ metadata: { namespace: 'default', name: 'broken' }, stringData: { password: 'hunter2' } },
    };
    await assert.rejects(world.objects.apply([secret]), (error: unknown) => {
      assert.ok(error instanceof ObjectError);
      assert.equal(error.status, 422);
      assert.match(error.message, /cannot apply Secret default\/broken: 422 .*tls\.crt/);
      assert.doesNotMatch(error.message, /hunter2|aHVudGVyMg/);
      return true;
    });
  });
});

describe('a world that is not finished', () => {
  it('leaves nothing behind when its start is called off', async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'world-'));
    const before = process.env.TMPDIR;
    process.env.TMPDIR = temporary;
    try {
      const stopping = new AbortController();
      const progress = {
        write: (text: string) => void (text.includes('kube-apiserver') && stopping.abort()),
      };
      await assert.rejects(startWorld({ env: process.env, progress, signal: stopping.signal }), {
        name: 'AbortError',
      });
      assert.deepEqual(await readdir(temporary), []);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
      await rm(temporary, { recursive: true });
    }
  });
});
