import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { V1Container, V1Deployment } from '@kubernetes/client-node';
import { type Parsed, parseConfig } from '../../controller/config.ts';
import { find, render } from './chart.ts';

function controller(values: object): { deployment: V1Deployment; container: V1Container } {
  const deployment = find<V1Deployment>(render(values), 'Deployment', 'tb-tokenbinding');
  const [container, ...others] = deployment.spec?.template.spec?.containers ?? [];
  assert.ok(container !== undefined && others.length === 0);
  return { deployment, container };
}

test('the controller runs without any privilege', () => {
  const { deployment, container } = controller({});
  assert.deepEqual(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  assert.deepEqual(deployment.spec?.template.spec?.securityContext, {
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
  });
});

/** What the controller makes of the flags it gets as the pod `tb-0` of the namespace `system`. */
function parsed(values: object): Parsed {
  const { env, args = [] } = controller(values).container;
  assert.deepEqual(
    env?.map(({ name, valueFrom }) => `${name}=${valueFrom?.fieldRef?.fieldPath}`),
    ['POD_NAME=metadata.name', 'POD_NAMESPACE=metadata.namespace'],
  );
  const flags = args.map((flag) => flag.replace('$(POD_NAME)', 'tb-0').replace('$(POD_NAMESPACE)', 'system'));
  return parseConfig(flags, { version: '0.1.0', hostname: 'host', uuid: 'uuid', env: {} });
}

test('the controller understands the flags of the defaults', () => {
  const result = parsed({});
  assert.ok(result.kind === 'run', JSON.stringify(result));
  const { watchNamespaces, caFile, egress, flyApiUrl, leaderElection } = result.config;
  assert.deepEqual([watchNamespaces, caFile], [[], undefined]);
  assert.deepEqual(egress, { allowHosts: [], allowLoopback: false });
  assert.equal(flyApiUrl, 'https://api.machines.dev');
  const { namespace, leaseName, identity } = leaderElection;
  assert.deepEqual([namespace, leaseName, identity], ['system', 'tb-tokenbinding', 'tb-0']);
});

test('the controller gets the values as flags', () => {
  const result = parsed({
    watchNamespaces: ['one', 'two'],
    workers: 8,
    provider: { qps: 25, concurrency: 8 },
    logLevel: 'debug',
    egress: { allowHosts: ['acme.eu.auth0.com', '*.machines.dev'] },
    caBundle: { secretName: 'private-ca' },
    flyApiUrl: 'https://fly.example',
    metrics: { port: 9090 },
    extraArgs: ['--leader-elect-lease-duration=30s'],
  });
  assert.ok(result.kind === 'run', JSON.stringify(result));
  const { leaderElection, kubeconfig, ...config } = result.config;
  assert.equal(leaderElection.timing.leaseDurationMs, 30_000);
  assert.deepEqual(config, {
    watchNamespaces: ['one', 'two'],
    workers: 8,
    provider: { requestsPerSecond: 25, concurrency: 8 },
    logLevel: 'debug',
    egress: { allowHosts: ['acme.eu.auth0.com', '*.machines.dev'], allowLoopback: false },
    caFile: '/etc/tokenbinding/ca/ca.crt',
    flyApiUrl: 'https://fly.example',
    metricsAddress: { host: undefined, port: 9090 },
  });
});

test('the controller is probed and scraped on the port it is told to listen on', () => {
  const { container } = controller({ metrics: { port: 9090 } });
  assert.ok(container.args?.includes('--metrics-bind-address=:9090'));
  assert.deepEqual(container.ports, [{ name: 'metrics', containerPort: 9090 }]);
  assert.deepEqual(container.livenessProbe?.httpGet, { path: '/healthz', port: 'metrics' });
  assert.deepEqual(container.readinessProbe?.httpGet, { path: '/readyz', port: 'metrics' });
});

test('the controller trusts a private authority from a ConfigMap or a Secret', () => {
  const volumes = (values: object) => {
    const { deployment, container } = controller({ caBundle: values });
    const mount = container.volumeMounts?.[0];
    assert.deepEqual(
      container.args?.filter((flag) => flag.startsWith('--ca-file')),
      [`--ca-file=${mount?.mountPath}/ca.crt`],
    );
    return deployment.spec?.template.spec?.volumes;
  };
  const items = [{ key: 'ca.pem', path: 'ca.crt' }];
  assert.deepEqual(volumes({ configMapName: 'private', key: 'ca.pem' }), [
    { name: 'ca-bundle', configMap: { name: 'private', items } },
  ]);
  assert.deepEqual(volumes({ secretName: 'private', key: 'ca.pem' }), [
    { name: 'ca-bundle', secret: { secretName: 'private', items } },
  ]);
  assert.equal(controller({}).deployment.spec?.template.spec?.volumes, undefined);
});

test('the controller runs an image by digest when one is given, else by tag, else of the chart’s own version', () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const image = (values: object) => controller({ image: { repository: 'r', ...values } }).container.image;
  assert.equal(image({}), 'r:0.1.0');
  assert.equal(image({ tag: '1.2.3' }), 'r:1.2.3');
  assert.equal(image({ tag: '1.2.3', digest }), `r@${digest}`);
});
