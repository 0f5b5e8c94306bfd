import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { decodeJwt } from 'jose';
import { ALLOWED_AUDIENCE } from '../../src/binding/names.ts';
import { connect, type KubernetesClient } from '../../src/kubernetes/client.ts';
import { ServiceAccountTokens } from '../../src/kubernetes/service-account-tokens.ts';
import { until } from '../support/until.ts';
import { type LiveCluster, startLiveCluster } from './live-cluster.ts';
import { failureOf, isTokenRequest, isTrial, observe, tokensOf } from './token-observer.ts';

const AUDIENCE = 'https://id.acme.dev/realms/x';

let cluster: LiveCluster;
/** Acts as a ServiceAccount that has the Role of the chart's README for `allowed`, and nothing else. */
let controller: KubernetesClient;

before(async () => {
  cluster = await startLiveCluster();
  await cluster.kubectl('create serviceaccount controller');
  await cluster.kubectl('create serviceaccount allowed');
  await cluster.kubectl(`annotate serviceaccount allowed ${ALLOWED_AUDIENCE}=${AUDIENCE}`);
  await grant('get serviceaccounts', 'allowed', 'gone');
  await grant('create serviceaccounts/token', 'allowed', 'gone');
  const kubeConfig = new KubeConfig();
  const path = await cluster.plane.kubeconfigFor({ namespace: 'team-a', serviceAccount: 'controller' });
  kubeConfig.loadFromString(await readFile(path, 'utf8'));
  controller = connect(kubeConfig, { deadlineMs: 10_000, userAgent: 'test' });
});
after(async () => {
  await controller?.close();
  await cluster.stop();
});

/** Gives the controller a right to objects of these names, and waits until the API server knows. */
async function grant(right: string, ...names: string[]): Promise<void> {
  const [verb, resource = ''] = right.split(' ');
  const role = `${verb}-${resource.replace('/', '-')}-${names.join('-')}`;
  const objects = names.map((name) => `--resource-name=${name}`).join(' ');
  await cluster.kubectl(`create role ${role} --verb=${verb} --resource=${resource} ${objects}`);
  await cluster.kubectl(`create rolebinding ${role} --role=${role} --serviceaccount=team-a:controller`);
  const [type, subresource] = resource.split('/');
  const asked = ['auth', 'can-i', `${verb}`, `${type}/${names[0]}`, `--subresource=${subresource ?? ''}`];
  const whose = ['-n', 'team-a', '--as=system:serviceaccount:team-a:controller'];
  await until(async () => (await cluster.plane.kubectl([...asked, ...whose])).code === 0, `${role} holds`);
}

async function createAccount(name: string, audience: string): Promise<void> {
  await cluster.kubectl('create -f -', {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, annotations: { [ALLOWED_AUDIENCE]: audience } },
  });
}

const requestFor = (name: string, audience = AUDIENCE, expirationSeconds = 600) => ({
  namespace: 'team-a',
  name,
  audience,
  expirationSeconds,
});

for (const who of ['the controller, with the Role of the README', 'an admin with a client certificate']) {
  test(`${who} gets a token for the audience that the ServiceAccount allows`, async () => {
    const client = who.startsWith('an admin') ? cluster.client : controller;
    const token = await tokensOf(client)(requestFor('allowed'));
    const { sub, aud, exp = 0, iat = 0 } = decodeJwt(token.reveal());
    assert.deepEqual(
      { sub, aud, lifetime: exp - iat },
      {
        sub: 'system:serviceaccount:team-a:allowed',
        aud: [AUDIENCE],
        lifetime: 600,
      },
    );
  });
}

test('the API server is asked about an audience once, and each token is a new one', async () => {
  const observer = observe(controller);
  const request = tokensOf(observer);
  const first = await request(requestFor('allowed'));
  const second = await request(requestFor('allowed'));
  assert.notEqual(first.reveal(), second.reveal());
  assert.equal(observer.calls.filter(isTrial).length, 1);
});

test('a ServiceAccount that is not there is told with the command that creates it', async () => {
  const { reason, disposition, message } = await failureOf(requestFor('gone'), observe(controller));
  assert.deepEqual([reason, disposition], ['CredentialsMissing', 'stall']);
  assert.match(message, /team-a\/gone does not exist.*kubectl create serviceaccount gone -n team-a/);
});

test('a ServiceAccount that is deleted between the two calls is told as one that is not there', async () => {
  await createAccount('gone', AUDIENCE);
  const client = observe(controller, async (call) => {
    if (isTokenRequest(call)) await cluster.kubectl('delete serviceaccount gone');
  });
  const { reason, message } = await failureOf(requestFor('gone'), client);
  assert.deepEqual([reason, /does not exist/.test(message)], ['CredentialsMissing', true]);
});

test('a namesake that comes between the two calls has not agreed, and gives no token', async () => {
  await createAccount('gone', AUDIENCE);
  const observer = observe(controller, async (call) => {
    if (!isTokenRequest(call)) return;
    await cluster.kubectl('delete serviceaccount gone');
    await cluster.kubectl('create serviceaccount gone');
  });
  await assert.rejects(tokensOf(observer)(requestFor('gone')), { name: 'ApiError', reason: 'Conflict' });
  assert.deepEqual(observer.tokens, []);
  await cluster.kubectl('delete serviceaccount gone');
});

test('without the annotation no token is made, and the command that sets it is told and works', async () => {
  await cluster.kubectl('create serviceaccount silent');
  const { reason, message } = await failureOf(requestFor('silent'), observe(cluster.client));
  assert.equal(reason, 'CredentialsMissing');
  const command = /kubectl (annotate .*)$/.exec(message)?.[1] ?? assert.fail(message);
  await cluster.kubectl(command.replace(' -n team-a', ''));
  await tokensOf(cluster.client)(requestFor('silent'));
});

for (const other of ['https://id.acme.dev/realms/xy', 'https://id.acme.dev/realms', `${AUDIENCE}/`, '']) {
  test(`consent to ${other || 'an empty audience'} is none to ${AUDIENCE}`, async () => {
    await createAccount('other', other);
    const observer = observe(cluster.client);
    const { reason, message } = await failureOf(requestFor('other'), observer);
    await cluster.kubectl('delete serviceaccount other');
    assert.equal(reason, 'CredentialsMissing');
    assert.match(message, /allowed-audience=https:\/\/id\.acme\.dev\/realms\/x --overwrite$/);
    assert.deepEqual(observer.calls.filter(isTokenRequest), []);
  });
}

test('an audience cannot smuggle a command into the line that its reader pastes', async () => {
  const audience = `x'; kubectl delete ns team-a; echo '$(id)`;
  const { message } = await failureOf(requestFor('allowed', audience), observe(controller));
  const pasted = `'${ALLOWED_AUDIENCE}=x'\\''; kubectl delete ns team-a; echo '\\''$(id)' --overwrite`;
  assert.ok(message.endsWith(pasted), message);
});

test('a controller without the right to read the ServiceAccount says which Role gives it', async () => {
  await createAccount('foreign', AUDIENCE);
  const { reason, message } = await failureOf(requestFor('foreign'), observe(controller));
  assert.equal(reason, 'CredentialsMissing');
  assert.match(
    message,
    /may not request tokens of ServiceAccount team-a\/foreign;.*README.*resourceNames: \[foreign\]/,
  );
});

test('a controller that may read the ServiceAccount and not its token says the same', async () => {
  await createAccount('readable', AUDIENCE);
  await grant('get serviceaccounts', 'readable');
  const client = observe(controller);
  const { reason, message } = await failureOf(requestFor('readable'), client);
  assert.equal(client.calls.filter(isTokenRequest).length, 1);
  assert.deepEqual([reason, /README/.test(message)], ['CredentialsMissing', true]);
});

test('a lifetime that the API server refuses is told with its field', async () => {
  const { reason, disposition, message } = await failureOf(
    requestFor('allowed', AUDIENCE, 599),
    observe(controller),
  );
  assert.deepEqual([reason, disposition], ['RequestRefused', 'stall']);
  assert.match(message, /expirationSeconds 599/);
});

test('a call that is broken off ends as such', async () => {
  const stopped = new AbortController();
  stopped.abort();
  const tokens = new ServiceAccountTokens({ client: controller });
  await assert.rejects(tokens.request(requestFor('allowed'), stopped.signal), { reason: 'Aborted' });
});
