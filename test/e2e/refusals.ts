import { CANARY, type Outcome, outcomes, refusal } from './outcome.ts';

/** Statuses and codes after which a person has to act. */
export const refusals = (): Outcome[] => [
  ...outcomes(
    {
      ...{ reason: 'CredentialsInvalid', next: 'person' },
      message:
        /HTTP 40[01]: it does not accept the client id and client secret; correct them in the referenced/,
    },
    {
      'auth0-wrong-secret': refusal(401, 'access_denied'),
      'wrong-secret': refusal(401, 'invalid_client'),
      'wrong-secret-with-400': refusal(400, 'invalid_client'),
      'keycloak-wrong-secret': refusal(401, 'unauthorized_client'),
      'unauthorized-in-html': { status: 401, body: '<h1>Unauthorized</h1>' },
      'challenge-that-hides-the-code': refusal(401, 'invalid_client', {
        'www-authenticate': `Basic realm="${CANARY}"`,
      }),
    },
  ),
  ...outcomes(
    {
      ...{ reason: 'CredentialsInvalid', next: 'person' },
      message: /HTTP 403: either a proxy or firewall .*correct them in the referenced Secret/,
    },
    { 'forbidden-without-a-body': { status: 403, body: '' } },
  ),
  ...outcomes(
    {
      ...{ reason: 'ClientNotAuthorized', next: 'person' },
      message:
        /no API with the audience https:\/\/api\.acme\.dev, or the client has no grant.*authorize the client/,
    },
    {
      'auth0-no-grant': refusal(403, 'access_denied'),
      'auth0-unknown-audience': {
        status: 403,
        body: { error: 'access_denied', error_description: `Service not enabled within domain: ${CANARY}` },
      },
      'auth0-grant-type-off': refusal(403, 'unauthorized_client'),
    },
  ),
  ...outcomes(
    {
      ...{ reason: 'AudienceUnknown', next: 'person' },
      message: /it knows no API with the audience https:\/\/api\.acme\.dev; compare that with the identifier/,
    },
    { 'unknown-target': refusal(400, 'invalid_target') },
  ),
  ...outcomes(
    {
      ...{ reason: 'ScopeNotGranted', next: 'person' },
      message: /a scope is unknown or not granted to the client; grant it to the client for this API/,
    },
    {
      'scope-refused': refusal(400, 'invalid_scope'),
      'challenge-beside-a-scope': refusal(400, 'invalid_scope', {
        'www-authenticate': `Bearer error="${CANARY}"`,
      }),
    },
  ),
  ...requestRefused(),
];

const requestRefused = (): Outcome[] => [
  ...outcomes(
    {
      ...{ reason: 'RequestRefused', next: 'person' },
      message: /HTTP 4..: it refuses the request; check spec\.source, and the log of the provider/,
    },
    {
      'bad-request': refusal(400, 'invalid_request'),
      'auth0-action-denies': refusal(400, 'server_error'),
      'unheard-of-code': refusal(400, CANARY),
      'code-that-is-no-text': refusal(422, { [CANARY]: CANARY }),
      'json-without-a-code': { status: 400, body: {} },
    },
  ),
  ...outcomes(
    {
      ...{ reason: 'RequestRefused', next: 'person' },
      message: /there is no token endpoint; correct the domain, issuer or tokenEndpoint in spec\.source/,
    },
    { 'not-found': { status: 404, body: '<h1>Nothing here</h1>' }, 'only-get': refusal(405, CANARY) },
  ),
  ...outcomes(
    {
      ...{ reason: 'RequestRefused', next: 'person' },
      message: /its token endpoint has moved, .* write the new one in spec\.source/,
    },
    {
      'moved-301': { status: 301, headers: { location: `/${CANARY}` } },
      'moved-308': { status: 308, headers: { location: `https://${CANARY}.test/` } },
    },
  ),
];
