import { UnsecuredJWT } from 'jose';
import { type Answers, AUDIENCE, CANARY, issues, type Outcome, outcomes, refusal } from './outcome.ts';
import { refusals } from './refusals.ts';

const issuesJwt = (claims: Record<string, unknown>) =>
  issues({ access_token: new UnsecuredJWT(claims).encode() });

/** The provider asks for patience. */
const impatient = (): Outcome[] => {
  const inAQuarter = Date.now() + 900_000;
  const rate = {
    reason: 'RateLimited',
    message: /HTTP 429: too many requests; it is asked again la/,
  } as const;
  const quota = {
    reason: 'QuotaExceeded',
    message: /HTTP 429: its quota of tokens is used up; it i/,
  } as const;
  const down = { reason: 'ProviderUnavailable', message: /HTTP 503: it gives no tokens at the mom/ } as const;
  const tooMany = (headers: Record<string, string>) => refusal(429, 'too_many_requests', headers);
  return [
    ...outcomes({ ...rate, next: [120, 122] }, { 'rate-limited': tooMany({ 'retry-after': '120' }) }),
    ...outcomes(
      { ...rate, next: [780, 902] },
      { 'auth0-rate-limited': tooMany({ 'x-ratelimit-reset': String(Math.ceil(inAQuarter / 1000)) }) },
    ),
    ...outcomes(
      { ...rate, next: 'retry' },
      {
        'rate-limited-in-text': { status: 429, body: 'Slow down' },
        'rate-limited-in-words': refusal(429, CANARY, { 'retry-after': CANARY }),
      },
    ),
    ...outcomes({ ...quota, next: [7200, 7202] }, { 'long-wait': tooMany({ 'retry-after': '7200' }) }),
    ...outcomes(
      { ...quota, next: [1800, 1802] },
      {
        'auth0-quota-used-up': tooMany({
          'auth0-client-quota-limit': `b=per_hour;q=10;r=0;t=1800,b=${CANARY};q=1;r=1;t=1`,
        }),
      },
    ),
    ...outcomes(
      { ...down, next: [780, 902] },
      {
        'maintenance-until-a-date': {
          ...{ status: 503, body: 'Back soon' },
          headers: { 'retry-after': new Date(inAQuarter).toUTCString() },
        },
      },
    ),
  ];
};

/** The provider, or something before it, does not work. */
const unavailable = (): Outcome[] => {
  const down = { reason: 'ProviderUnavailable', next: 'retry' } as const;
  return [
    ...outcomes(
      { ...down, message: /HTTP (201|400|50.): it gives no tokens at the moment; it is asked again/ },
      {
        'server-error': refusal(500, 'server_error'),
        'server-error-that-blames-us': refusal(500, 'invalid_client'),
        'bad-gateway-in-html': { status: 502, body: '<h1>Bad gateway</h1>' },
        'says-it-is-temporary': refusal(400, 'temporarily_unavailable'),
        created: { status: 201, body: {} },
      },
    ),
    ...outcomes(
      { ...down, message: /HTTP 30.: a redirect is not followed with credentials; .* check spec\.source/ },
      {
        'redirect-302': { status: 302, headers: { location: `/${CANARY}` } },
        'redirect-307': { status: 307, headers: { location: `https://${CANARY}.test/` } },
      },
    ),
    ...outcomes(
      { ...down, message: /could not be asked for a token: the connection failed \(UND_ERR_SOCKET\)\.$/ },
      { 'hangs-up': { delivery: 'reset' } },
    ),
    ...outcomes(
      { ...down, message: /could not be asked for a token: it did not answer in time\.$/ },
      { silent: { delivery: 'silence' } },
    ),
    ...outcomes(
      { ...down, message: /HTTP 200 without a whole JSON body: an outage page perhaps; it is asked again/ },
      {
        page: { body: '<title>One moment</title>' },
        nothing: { body: '' },
        'half-of-a-token': { ...issues({}), delivery: 'cut' },
      },
    ),
  ];
};

/** HTTP 200 without a token that anybody could use. */
const unusable = (): Outcome[] => [
  ...outcomes(
    { reason: 'ResponseInvalid', message: /it is not a token response by RFC 6749/, next: 'retry' },
    {
      'error-with-200': { body: { error: 'invalid_client' } },
      'token-that-is-no-text': issues({ access_token: { [CANARY]: CANARY } }),
      'lifetime-in-words': issues({ expires_in: CANARY }),
    },
  ),
  ...outcomes(
    {
      ...{ reason: 'ResponseInvalid', next: 'retry' },
      message: /how long the token lives; write spec\.refresh\.assumedLifetime/,
    },
    { 'no-lifetime': issues({ expires_in: undefined }) },
  ),
  ...failsCheck(/"token type": it is not of type Bearer/, {
    'type-dpop': issues({ token_type: 'DPoP' }),
    'type-unheard-of': issues({ token_type: CANARY }),
  }),
  ...failsCheck(/"lifetime": its expires_in is not above zero; check its lifetime/, {
    'lifetime-zero': issues({ expires_in: 0 }),
  }),
  ...failsCheck(/"expiry": its exp is past on arrival; check its lifetime and the clocks/, {
    'past-exp': issuesJwt({ aud: AUDIENCE, exp: Math.floor(Date.now() / 1000) - 60 }),
  }),
  ...failsCheck(/"audience": it is not for https:\/\/api\.acme\.dev; compare spec\.source/, {
    'wrong-audience': issuesJwt({ iss: CANARY, aud: CANARY }),
  }),
  ...failsCheck(/"scopes": read:orders is not granted; grant that to the client at the provider/, {
    'missing-scope': issues({ scope: CANARY }),
  }),
];

const failsCheck = (message: RegExp, answers: Answers) =>
  outcomes({ reason: 'VerificationFailed', message, next: 'person' }, answers);

/** Every outcome that is a failure; times in the answers count from now. */
export const failures = (): Outcome[] => [...refusals(), ...impatient(), ...unavailable(), ...unusable()];

/** Answers that are odd, and good for a token that lives an hour. */
export const SUCCESSES: Answers = {
  'lifetime-as-text': issues({ expires_in: '3600' }),
  'json-as-text': { ...issues({}), headers: { 'content-type': 'text/plain' } },
  'type-in-odd-case': issues({ token_type: 'bEARER' }),
  'odd-extras': issues({ refresh_token: '', id_token: CANARY, scope: null }),
};
