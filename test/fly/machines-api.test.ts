import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createMachinesApi, requestId } from '@fly/machines-api';
import { authorizationHeader, MalformedTokenError } from '../../src/fly/machines-api/authorization.ts';
import { apiRoot } from '../../src/fly/machines-api/base-url.ts';

const FORMS: readonly (readonly [given: string, sent: string])[] = [
  ['fm2_abc', 'FlyV1 fm2_abc'],
  ['fm1r_abc', 'FlyV1 fm1r_abc'],
  ['FlyV1 fm2_abc', 'FlyV1 fm2_abc'],
  ['FlyV1 fm2_abc,fm2_discharge', 'FlyV1 fm2_abc,fm2_discharge'],
  ['FlyV1 fm2_abc, fm2_discharge\n', 'FlyV1 fm2_abc,fm2_discharge'],
  ['Bearer FlyV1 fm2_abc', 'FlyV1 fm2_abc'],
  ['flyv1 fm2_abc,FlyV1 fm2_discharge', 'FlyV1 fm2_abc,fm2_discharge'],
  ['fo1_user,fm2_abc', 'FlyV1 fo1_user,fm2_abc'],
  ['fo1_user', 'Bearer fo1_user'],
  ['Bearer fo1_user\r\n', 'Bearer fo1_user'],
  ['"FlyV1 fm2_abc,fm2_discharge"\n', 'FlyV1 fm2_abc,fm2_discharge'],
  ["FlyV1 'fm2_abc,fm2_discharge'", 'FlyV1 fm2_abc,fm2_discharge'],
  ['"fm2_abc","fm2_discharge"', 'FlyV1 fm2_abc,fm2_discharge'],
];

for (const [given, sent] of FORMS) {
  test(`an API token pasted as ${JSON.stringify(given)} is sent as "${sent}"`, () => {
    assert.equal(authorizationHeader(given), sent);
  });
}

for (const given of [
  '',
  ' \n',
  'FlyV1 ',
  'canary one',
  'canary\nsecond line',
  'canary\u{1f600}',
  ',',
  '"canary',
  "can'ary",
  '""',
]) {
  test(`${JSON.stringify(given)} is refused as an API token without being quoted`, () => {
    assert.throws(
      () => authorizationHeader(given),
      (error: unknown) => error instanceof MalformedTokenError && !/canary/.test(String(error.stack)),
    );
  });
}

for (const url of ['', '/', '/v1', '/v1/', '//']) {
  test(`a base URL that ends in "${url}" leads to the same API`, () => {
    assert.equal(apiRoot(`https://api.machines.dev${url}`), 'https://api.machines.dev/v1');
  });
}

test('a base URL keeps its port and path', () => {
  assert.equal(apiRoot('http://localhost:4280/flaps/v1'), 'http://localhost:4280/flaps/v1');
});

test('every request is addressed, authenticated and named', async () => {
  const sent: Request[] = [];
  const api = createMachinesApi({
    baseUrl: 'https://api.fly.test',
    token: () => 'FlyV1 fm2_abc',
    userAgent: 'somebody/1',
    fetch: async (request) => {
      sent.push(request as Request);
      return Response.json([]);
    },
  });
  await api.GET('/apps/{app_name}/machines', { params: { path: { app_name: 'a/b' } } });

  assert.equal(sent[0]?.url, 'https://api.fly.test/v1/apps/a%2Fb/machines');
  assert.equal(sent[0]?.headers.get('authorization'), 'FlyV1 fm2_abc');
  assert.equal(sent[0]?.headers.get('user-agent'), 'somebody/1');
});

test("Fly's request id is taken from the answer, unless it is not shaped like one", () => {
  const withId = (id: string) => new Response(null, { headers: { 'fly-request-id': id } });
  assert.equal(requestId(withId('01JABC-fra')), '01JABC-fra');
  assert.equal(requestId(withId('<b>not an id</b>')), undefined);
  assert.equal(requestId(new Response()), undefined);
});

test('the generated types are those of the specification', async () => {
  const generator = new URL('../../src/fly/machines-api/generate.ts', import.meta.url).pathname;
  await promisify(execFile)(process.execPath, [generator, '--check']);
});
