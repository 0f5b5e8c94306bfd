import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { acquireToken } from '../../controller/issue-step.ts';
import { Memory } from '../../controller/memory.ts';
import { DeferredError } from '../../controller/provider/deferred-error.ts';
import type { Run } from '../../controller/run.ts';
import type { Ask, World } from '../../controller/world.ts';
import { CREDENTIAL_LABEL } from '../../src/binding/names.ts';
import type { StepResult } from '../../src/binding/step-result.ts';
import type { TokenBindingSpec } from '../../src/binding/token-binding.ts';
import { FailureError, failure } from '../../src/failure.ts';
import type { IssuedToken, TokenRequest } from '../../src/oauth/token-request.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { aBinding, aToken, factsWith, HOUR, NOON, someProgress } from '../support/binding.ts';
import { FakeClock } from '../support/fake-clock.ts';

const KEY = 'toolbridge/toolbridge-api';
const REFUSED = new FailureError(failure('CredentialsInvalid', 'No.'));
const ISSUED: IssuedToken = {
  ...{ value: new SecretValue('a-token'), issuedAt: NOON, expiresAt: NOON + HOUR },
  ...{ issuer: 'https://acme.eu.auth0.com/', audiences: ['https://api.acme.dev'] },
};

let data: Record<string, string>;
let version: string;
let memory: Memory;
/** What the provider says to each client secret. */
let provider: (secret: string) => IssuedToken;
let asked: string[];
let asks: Ask[];

beforeEach(() => {
  data = { client_id: 'id', client_secret: 'current\n', next_client_secret: 'next' };
  version = '1';
  memory = new Memory();
  [asked, asks] = [[], []];
  provider = () => ISSUED;
});

function acquire(spec: Partial<TokenBindingSpec> = {}, inUse?: 'Current' | 'Next'): Promise<StepResult> {
  const binding = aBinding({ spec, ...(inUse && { status: { credential: { inUse } } }) });
  const token = aToken({ expiresAt: NOON + 20_000 });
  const world = {
    ...{ clock: new FakeClock(), memory },
    secrets: {
      read: async () => ({
        metadata: { uid: 'u', resourceVersion: version, labels: { [CREDENTIAL_LABEL]: 'true' } },
        data: new Map(Object.entries(data).map(([key, value]) => [key, new SecretValue(value)])),
      }),
    },
    serviceAccountTokens: { request: async () => new SecretValue('assertion') },
    requestToken: async ({ client }: TokenRequest, ask: Ask) => {
      const secret = client.type === 'ClientSecret' ? client.clientSecret.reveal() : client.type;
      asked.push(secret);
      asks.push(ask);
      ask.onReport({ skewMs: 4_000, quotas: [] });
      return provider(secret);
    },
  } as unknown as World;
  const progress = someProgress(factsWith(token, { binding }));
  const signal = new AbortController().signal;
  return acquireToken({ world, key: KEY, signal, binding, progress, secret: undefined } satisfies Run);
}

const accepting = (good: string) => (secret: string) => {
  if (secret !== good) throw REFUSED;
  return ISSUED;
};

describe('a token in hand', () => {
  it('is held under the binding, known by its id and by what shaped it', async () => {
    const result = await acquire();
    assert.ok(result.type === 'issued');
    assert.equal(memory.held.get(KEY)?.value.reveal(), 'a-token');
    assert.equal(result.token.id, ISSUED.value.id(KEY));
    assert.equal(result.token.audience, 'https://api.acme.dev');
    assert.deepEqual([result.credentialUsed, result.report.skewMs], ['Current', 4_000]);
  });

  it('that says something else than the spec asks for is not held', async () => {
    provider = () => ({ ...ISSUED, audiences: ['https://other.acme.dev'] });
    const result = await acquire();
    assert.ok(result.type === 'issueFailed' && result.failure.reason === 'VerificationFailed');
    assert.equal(memory.held.size, 0);
  });
});

describe('a credential with a successor', () => {
  it('is used as long as it works', async () => {
    await acquire();
    assert.deepEqual(asked, ['current']);
  });

  it('gives way to it when it is refused, and that is said', async () => {
    provider = accepting('next');
    const result = await acquire();
    assert.deepEqual(asked, ['current', 'next']);
    assert.ok(result.type === 'issued' && result.credentialUsed === 'Next');
  });

  it('is not tried first again while the Secret stays as it is', async () => {
    provider = accepting('next');
    await acquire();
    await acquire();
    assert.deepEqual(asked, ['current', 'next', 'next']);
  });

  it('is not tried first by a process that starts anew, when the status tells that it did not work', async () => {
    provider = accepting('next');
    await acquire({}, 'Next');
    assert.deepEqual(asked, ['next']);
  });

  it('is used when its successor, told as the one in use, has become the only one', async () => {
    data = { client_id: 'id', client_secret: 'next' };
    const result = await acquire({}, 'Next');
    assert.ok(result.type === 'issued' && result.credentialUsed === 'Current');
  });

  it('is tried first again once the Secret has changed', async () => {
    provider = accepting('next');
    await acquire();
    [version, asked] = ['2', []];
    await acquire();
    assert.deepEqual(asked, ['current', 'next']);
  });

  it('comes back when the provider takes it back', async () => {
    provider = accepting('next');
    await acquire();
    provider = accepting('current');
    asked = [];
    const result = await acquire();
    assert.deepEqual(asked, ['next', 'current']);
    assert.ok(result.type === 'issued' && result.credentialUsed === 'Current');
  });

  it('is told as refused when neither works', async () => {
    provider = accepting('none');
    const result = await acquire();
    assert.ok(result.type === 'issueFailed' && result.failure.reason === 'CredentialsInvalid');
  });

  it('does not give way for an outage', async () => {
    provider = () => {
      throw new FailureError(failure('ProviderUnavailable', 'Down.'));
    };
    await acquire();
    assert.deepEqual(asked, ['current']);
  });

  it('goes on with the successor when that had to wait for its turn', async () => {
    provider = (secret) => {
      if (secret === 'next') throw new DeferredError(NOON + 100, 'busy');
      throw REFUSED;
    };
    assert.deepEqual(await acquire(), { type: 'issueDeferred', deferral: { until: NOON + 100 } });
    [asked, provider] = [[], () => ISSUED];
    await acquire();
    assert.deepEqual(asked, ['next']);
  });
});

describe('an attempt', () => {
  it('may take a quarter of what is left of the token in use, and knows the clock of the provider', async () => {
    await acquire();
    await acquire();
    assert.deepEqual(
      asks.map(({ deadlineMs, skewMs }) => [deadlineMs, skewMs]),
      [
        [5_000, undefined],
        [5_000, 4_000],
      ],
    );
  });

  it('that was put off for an outage says which provider fails', async () => {
    provider = () => {
      throw new DeferredError(NOON + 100, 'open');
    };
    const result = await acquire();
    assert.ok(result.type === 'issueDeferred');
    assert.equal(result.deferral.failure?.reason, 'ProviderUnavailable');
    assert.match(result.deferral.failure?.message ?? '', /^acme\.eu\.auth0\.com has been failing/);
  });
});

describe('a client without a stored credential', () => {
  it('proves itself by a ServiceAccount token', async () => {
    const serviceAccountToken = {
      ...{ clientId: 'c', serviceAccountName: 'sa', audience: 'https://id', expirationSeconds: 600 },
    };
    await acquire({ clientAuthentication: { serviceAccountToken } });
    assert.deepEqual(asked, ['Assertion']);
  });
});
