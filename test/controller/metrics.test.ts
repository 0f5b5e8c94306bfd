import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BindingView } from '../../controller/binding-series.ts';
import { createMetrics, type Metrics } from '../../controller/metrics.ts';

const VIEW: BindingView = {
  namespace: 'toolbridge',
  name: 'api',
  conditions: [{ type: 'Ready', status: 'True' }],
  issuedAt: 1_000_000,
  expiresAt: 4_600_000,
  nextRefreshAt: 3_000_000,
  lastSuccessAt: 1_000_000,
  consecutiveFailures: 0,
  suspended: false,
  quotas: [{ period: 'day', limit: 1000, remaining: 40 }],
  deliveries: [{ name: 'mcp', current: true, machines: { total: 2, current: 2 } }],
};
/** The samples of an object's series, as scraped. */
async function seriesOf(metrics: Metrics, name: string): Promise<string[]> {
  const text = await metrics.registry.metrics();
  return text.split('\n').filter((line) => line.includes(`name="${name}"`));
}

describe('the series of a binding', () => {
  it('show its conditions, times, failures and deliveries', async () => {
    const metrics = createMetrics({ version: '1.2.3' });
    metrics.bindings.set(VIEW);
    const series = await seriesOf(metrics, 'api');
    for (const sample of [
      'tokenbinding_condition{namespace="toolbridge",name="api",type="Ready",status="True"} 1',
      'tokenbinding_condition{namespace="toolbridge",name="api",type="Ready",status="False"} 0',
      'tokenbinding_token_expiration_timestamp_seconds{namespace="toolbridge",name="api"} 4600',
      'tokenbinding_next_refresh_timestamp_seconds{namespace="toolbridge",name="api"} 3000',
      'tokenbinding_consecutive_failures{namespace="toolbridge",name="api"} 0',
      'tokenbinding_suspended{namespace="toolbridge",name="api"} 0',
      'tokenbinding_delivery_current{namespace="toolbridge",name="api",delivery="mcp"} 1',
      'tokenbinding_rollout_machines{namespace="toolbridge",name="api",delivery="mcp",state="total"} 2',
    ]) {
      assert.ok(series.includes(sample), `${sample}\nin\n${series.join('\n')}`);
    }
  });

  it('that no longer apply vanish when the binding changes', async () => {
    const metrics = createMetrics({ version: '1.2.3' });
    metrics.bindings.set(VIEW);
    metrics.bindings.set({ ...VIEW, conditions: [], deliveries: [], nextRefreshAt: undefined });
    const text = (await seriesOf(metrics, 'api')).join('\n');
    assert.doesNotMatch(text, /condition|delivery|next_refresh/);
  });

  it('go with the binding and leave those of others', async () => {
    const metrics = createMetrics({ version: '1.2.3' });
    metrics.bindings.set(VIEW);
    metrics.bindings.set({ ...VIEW, name: 'other' });
    metrics.bindings.remove('toolbridge', 'api');
    assert.deepEqual(await seriesOf(metrics, 'api'), []);
    assert.ok((await seriesOf(metrics, 'other')).length > 5);
  });

  it('are cleared when another process leads', async () => {
    const metrics = createMetrics({ version: '1.2.3' });
    metrics.bindings.set(VIEW);
    metrics.bindings.clear();
    assert.deepEqual(await seriesOf(metrics, 'api'), []);
    metrics.bindings.set(VIEW);
    assert.ok((await seriesOf(metrics, 'api')).length > 5);
  });
});

describe('the series of the process', () => {
  it('carry the prefix, but for those of Node', async () => {
    const text = await createMetrics({ version: '1.2.3' }).registry.metrics();
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1] ?? '');
    assert.deepEqual(
      names.filter((name) => !/^(tokenbinding|process|nodejs)_/.test(name)),
      [],
    );
    assert.ok(text.includes('tokenbinding_build_info{version="1.2.3"} 1'));
  });

  it('are told by the work queue', async () => {
    const metrics = createMetrics({ version: '1.2.3' });
    metrics.workqueue.added();
    metrics.workqueue.retried();
    metrics.workqueue.depth(3);
    metrics.workqueue.queued(0.2);
    const text = await metrics.registry.metrics();
    assert.match(text, /^tokenbinding_workqueue_depth 3$/m);
    assert.match(text, /^tokenbinding_workqueue_adds_total 1$/m);
    assert.match(text, /^tokenbinding_workqueue_retries_total 1$/m);
    assert.match(text, /^tokenbinding_workqueue_queue_duration_seconds_count 1$/m);
  });
});
