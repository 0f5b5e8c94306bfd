import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Config, parseConfig } from '../../controller/config.ts';

const SELF = { version: '1.2.3', hostname: 'pod-7', uuid: '0a1b', env: { POD_NAMESPACE: 'tokens' } };

function config(...argv: string[]): Config {
  const parsed = parseConfig(argv, SELF);
  assert.equal(parsed.kind, 'run', JSON.stringify(parsed));
  return parsed.config;
}

function faults(argv: string[], env: Record<string, string> = SELF.env): readonly string[] {
  const parsed = parseConfig(argv, { ...SELF, env });
  assert.equal(parsed.kind, 'invalid');
  return parsed.faults;
}

describe('without flags', () => {
  test('in a Pod everything has its default', () => {
    assert.deepEqual(config(), {
      kubeconfig: undefined,
      watchNamespaces: [],
      workers: 16,
      provider: { requestsPerSecond: 10, concurrency: 4 },
      caFile: undefined,
      egress: { allowHosts: [], allowLoopback: false },
      flyApiUrl: 'https://api.machines.dev',
      leaderElection: {
        namespace: 'tokens',
        leaseName: 'tokenbinding-controller',
        identity: 'pod-7_0a1b',
        timing: { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 },
      },
      metricsAddress: { host: undefined, port: 8080 },
      logLevel: 'info',
    });
  });

  test('outside a Pod the namespace of the Lease is asked for', () => {
    const demand = 'is required outside a Pod: the namespace of the Lease (in a Pod set POD_NAMESPACE)';
    assert.deepEqual(faults([], {}), [`--leader-elect-namespace ${demand}`]);
  });

  test('the configuration cannot be changed, however deep', () => {
    const frozen = config('--watch-namespaces', 'a');
    assert.ok(Object.isFrozen(frozen) && Object.isFrozen(frozen.watchNamespaces));
    assert.ok(Object.isFrozen(frozen.leaderElection.timing));
  });
});

describe('flags', () => {
  test('for the cluster and outgoing calls are understood, lists with blanks too', () => {
    const read = config(
      ...[
        '--kubeconfig',
        '/k',
        '--watch-namespaces',
        'team-a, team-b',
        '--workers=64',
        '--provider-qps=25',
        '--provider-concurrency=8',
        '--ca-file',
        'ca.pem',
      ],
      ...['--egress-allow-hosts', 'id.acme.dev,*.auth0.com,[::1],127.0.0.1', '--egress-allow-loopback'],
      ...['--fly-api-url', 'https://127.0.0.1:4443/fly/'],
    );
    assert.equal(read.kubeconfig, '/k');
    assert.deepEqual(read.watchNamespaces, ['team-a', 'team-b']);
    assert.equal(read.workers, 64);
    assert.deepEqual(read.provider, { requestsPerSecond: 25, concurrency: 8 });
    assert.equal(read.caFile, 'ca.pem');
    assert.deepEqual(read.egress, {
      allowHosts: ['id.acme.dev', '*.auth0.com', '[::1]', '127.0.0.1'],
      allowLoopback: true,
    });
    assert.equal(read.flyApiUrl, 'https://127.0.0.1:4443/fly');
  });

  test('for the election are understood, and win over POD_NAMESPACE', () => {
    const read = config(
      ...['--leader-elect-namespace', 'other', '--leader-elect-lease-name', 'tb.one', '--identity', 'me'],
      ...['--leader-elect-lease-duration', '1m', '--leader-elect-renew-deadline', '40s'],
      ...['--leader-elect-retry-period', '1s500ms'],
    );
    assert.deepEqual(read.leaderElection, {
      namespace: 'other',
      leaseName: 'tb.one',
      identity: 'me',
      timing: { leaseDurationMs: 60_000, renewDeadlineMs: 40_000, retryPeriodMs: 1_500 },
    });
  });

  for (const [text, address] of [
    [':0', { host: undefined, port: 0 }],
    ['127.0.0.1:9090', { host: '127.0.0.1', port: 9090 }],
    ['localhost:65535', { host: 'localhost', port: 65_535 }],
    ['[::1]:8080', { host: '::1', port: 8080 }],
  ] as const) {
    test(`--metrics-bind-address ${text} is an address`, () => {
      assert.deepEqual(config('--metrics-bind-address', text).metricsAddress, address);
    });
  }

  test('every log level is known', () => {
    for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) {
      assert.equal(config('--log-level', level).logLevel, level);
    }
  });
});

describe('a faulty value', () => {
  for (const [flag, value] of [
    ['--kubeconfig', ''],
    ['--ca-file', ''],
    ['--watch-namespaces', 'a,,b'],
    ['--watch-namespaces', 'Team'],
    ['--workers', '0'],
    ['--workers', '65'],
    ['--workers', '4x'],
    ['--provider-qps', '0'],
    ['--provider-qps', '1001'],
    ['--provider-concurrency', '-1'],
    ['--egress-allow-hosts', 'https://id.acme.dev'],
    ['--egress-allow-hosts', 'id.acme.dev:443'],
    ['--egress-allow-hosts', '*'],
    ['--fly-api-url', 'http://api.machines.dev'],
    ['--fly-api-url', 'api.machines.dev'],
    ['--fly-api-url', 'https://api.machines.dev/?a=b'],
    ['--leader-elect-namespace', 'a.b'],
    ['--leader-elect-lease-name', 'Lease'],
    ['--leader-elect-lease-duration', '15'],
    ['--leader-elect-renew-deadline', '-1s'],
    ['--leader-elect-retry-period', '2 s'],
    ['--identity', ''],
    ['--identity', 'my pod'],
    ['--metrics-bind-address', '8080'],
    ['--metrics-bind-address', ':70000'],
    ['--metrics-bind-address', '::1:8080'],
    ['--log-level', 'verbose'],
  ] as const) {
    test(`is told with flag, value and demand: ${flag} ${JSON.stringify(value)}`, () => {
      const told = faults([flag, value]);
      assert.equal(told.length, 1);
      assert.ok(told[0]?.startsWith(`${flag} ${JSON.stringify(value)} must be `), told[0]);
    });
  }

  test('of POD_NAMESPACE is told by that name', () => {
    assert.deepEqual(faults([], { POD_NAMESPACE: 'No' }), [
      'POD_NAMESPACE "No" must be the name of one namespace',
    ]);
  });

  test('of a URL is not repeated when it holds a password', () => {
    assert.doesNotMatch(faults(['--fly-api-url', 'https://me:hunter2@fly.dev']).join(), /hunter2/);
  });

  test('of the election is measured against the other periods', () => {
    assert.deepEqual(faults(['--leader-elect-renew-deadline', '15s', '--leader-elect-retry-period', '13s']), [
      '--leader-elect-lease-duration "15s" must be longer than the renew deadline',
      '--leader-elect-renew-deadline "15s" must be longer than 1.2 times the retry period',
    ]);
  });

  test('of a Lease too short for any call to start under it is refused', () => {
    const [told, ...more] = faults([
      '--leader-elect-lease-duration',
      '9s',
      '--leader-elect-renew-deadline',
      '6s',
    ]);
    assert.match(told ?? '', /--leader-elect-lease-duration "9s" must be longer than 12.4s/);
    assert.deepEqual(more, []);
  });
});

describe('the command line', () => {
  test('is told all its faults at once', () => {
    const told = faults([
      '--verbose',
      'yes',
      '--workers',
      'many',
      'stray',
      '--log-level',
      'loud',
      '--identity',
    ]);
    assert.deepEqual(
      told.map((fault) => fault.split(' ').slice(0, 3).join(' ')),
      [
        '--verbose is no',
        'an argument without',
        '--identity needs a',
        '--workers "many" must',
        '--log-level "loud" must',
      ],
    );
  });

  test('is told an unknown flag without its value, which may be a secret', () => {
    assert.deepEqual(faults(['--token=hunter2']), ['--token is no flag; see --help for those there are']);
    assert.deepEqual(faults(['--token', 'hunter2']), ['--token is no flag; see --help for those there are']);
  });

  test('gives the version', () => {
    assert.deepEqual(parseConfig(['--version'], SELF), { kind: 'version', text: '1.2.3\n' });
  });

  test('gives a help that names every flag with its default, in lines that fit', () => {
    const parsed = parseConfig(['--workers', '99', '--help'], SELF);
    assert.equal(parsed.kind, 'help');
    for (const flag of [
      '--kubeconfig',
      '--watch-namespaces',
      '--workers',
      '--ca-file',
      '--egress-allow-hosts',
    ]) {
      assert.match(parsed.text, new RegExp(`\n  ${flag} `));
    }
    for (const value of [
      '"15s"',
      '"10s"',
      '"2s"',
      '":8080"',
      '"4"',
      '"info"',
      '"https://api.machines.dev"',
    ]) {
      assert.ok(parsed.text.includes(value), value);
    }
    assert.match(parsed.text, /\nExamples:\n/);
    assert.ok(parsed.text.split('\n').every((line) => line.length <= 110));
  });
});
