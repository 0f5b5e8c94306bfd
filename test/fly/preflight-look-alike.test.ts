import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ORGANIZATION } from '../../sandbox/fly/access-token.ts';
import { type Fly, startFly } from '../../sandbox/fly/fly.ts';
import { createAuthority } from '../../sandbox/pki.ts';
import { systemClock } from '../../src/clock.ts';
import { FailureError } from '../../src/failure.ts';
import { createFlyApp, FLY_CALL_DEADLINE_MS, type FlyApp } from '../../src/fly/fly-app.ts';
import { createEgress, type Egress } from '../../src/http/egress.ts';
import { SecretValue } from '../../src/secret-value.ts';

let fly: Fly;
let egress: Egress;

before(async () => {
  const authority = await createAuthority('test');
  const machineCommand = () => ({ command: process.execPath, args: [], env: {} });
  fly = await startFly({ authority, machineCommand, rateLimit: false });
  await fly.createApp({ name: 'shop' });
  await fly.createApp({ name: 'other' });
  egress = createEgress({ ca: [authority.certPem], allowHosts: [], allowLoopback: true });
});
after(async () => {
  await egress.close();
  await fly.stop();
});

function open(apiToken: string, app = 'shop'): FlyApp {
  return createFlyApp({
    baseUrl: fly.apiUrl,
    app,
    apiToken: new SecretValue(apiToken),
    fetch: egress.fetch({ deadlineMs: FLY_CALL_DEADLINE_MS, maxBodyBytes: 1_000_000 }),
    clock: systemClock,
    userAgent: 'tokenbinding-controller/test',
  });
}

const deployToken = () => fly.issueToken({ of: { app: 'shop' }, mayWrite: true });
const organizationToken = (organization: string, mayWrite: boolean) =>
  fly.issueToken({ of: { organization }, mayWrite });

/** What preflight says and what a write then says; undefined where nothing is wrong. */
async function said(apiToken: string, app = 'shop'): Promise<readonly (string | undefined)[]> {
  const shop = open(apiToken, app);
  const written = await shop.setSecret('TOKEN', new SecretValue('value')).then(
    () => undefined,
    (error: unknown) => (error instanceof FailureError ? error.message : assert.fail('no failure')),
  );
  return [(await shop.preflight())?.message, written];
}

const FORMS: Readonly<Record<string, (printed: string) => string>> = {
  'as fly prints it': (token) => `${token}\n`,
  'without its scheme': (token) => token.replace('FlyV1 ', ''),
  'behind another scheme': (token) => `Bearer ${token}`,
  'in quotes': (token) => `"${token}"\r\n`,
  'with spaces after its commas': (token) => token.replace(',', ', '),
  'behind a token of another app': (token) => `${fly.deployToken('other')},${token}`,
};
for (const [form, pasted] of Object.entries(FORMS)) {
  test(`a deploy token pasted ${form} passes and writes`, async () => {
    assert.deepEqual(await said(pasted(deployToken())), [undefined, undefined]);
  });
}

test('an organization token passes and writes', async () => {
  assert.deepEqual(await said(organizationToken(ORGANIZATION, true)), [undefined, undefined]);
});

test('an expired token, one of another app, one without its discharge and one for commands are told apart', async () => {
  const expired = deployToken();
  fly.revokeToken(expired);
  const commandsOnly = fly.issueToken({ of: { app: 'shop' }, mayWrite: false, execOnly: true });
  const [withoutDischarge = ''] = deployToken().split(',');
  for (const [token, says] of [
    [expired, /it is expired or revoked; create a token/],
    [withoutDischarge, /or only the first of the parts, joined by commas/],
    [fly.deployToken('other'), /the API token is of another app \(other\)/],
    [organizationToken('elsewhere', true), /of another organization than the app/],
    [commandsOnly, /made for something else, such as running commands/],
  ] as const) {
    const [early, late] = await said(token);
    assert.match(early ?? '', says);
    assert.match(late ?? '', says);
  }
});

test('a read-only token is found out by its first write, as Fly tells it to nobody earlier', async () => {
  const [early, late] = await said(organizationToken(ORGANIZATION, false));
  assert.equal(early, undefined);
  assert.match(late ?? '', /may read the app but not change it/);
});

test('an app that does not exist is told before the first write', async () => {
  const failure = await open(organizationToken(ORGANIZATION, true), 'nowhere').preflight();
  assert.equal(failure?.reason, 'AppNotFound');
});

test('a platform that does not know the endpoint, or is down, keeps nobody from delivering', async () => {
  for (const status of [404, 500]) {
    fly.faults.next('currentToken', { kind: 'answer', status, body: 'html' });
    assert.equal(await open(fly.deployToken('other')).preflight(), undefined);
  }
});

test('the digest is that of the write until somebody else writes', async () => {
  const shop = open(deployToken());
  const { digest } = await shop.setSecret('DIGESTED', new SecretValue('ours'));
  assert.equal(await shop.secretDigest('DIGESTED'), digest);
  await open(deployToken()).setSecret('DIGESTED', new SecretValue('theirs'));
  assert.notEqual(await shop.secretDigest('DIGESTED'), digest);
  await shop.unsetSecret('DIGESTED');
  assert.equal(await shop.secretDigest('DIGESTED'), undefined);
});
