import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createEgress } from '../../src/http/egress.ts';

const egress = createEgress({
  ...{ ca: [], allowHosts: [], allowLoopback: false },
  resolve: (_name, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
});
after(() => egress.close());

for (const host of ['[::1]', '[::ffff:169.254.169.254]', '169.254.169.254', 'localhost']) {
  test(`a refusal of https://${host}/ names its host as its URL does`, async () => {
    const fetch = egress.fetch({ deadlineMs: 1_000, maxBodyBytes: 1_000 });
    await assert.rejects(fetch(`https://${host}/`), { host: new URL(`https://${host}/`).hostname });
  });
}
