import { decodeJwt } from 'jose';
import { FailureError, failure } from '../failure.ts';
import { SecretValue } from '../secret-value.ts';
import { ApiError } from './api-error.ts';
import type { KubernetesClient } from './client.ts';
import type { Resource } from './resource.ts';
import { accountFailure, consentingUid, serviceAccount } from './service-account.ts';

/** A token of a ServiceAccount for one outside party. */
export interface ServiceAccountTokenRequest {
  readonly namespace: string;
  readonly name: string;
  /** Whom the token is for; must be what the ServiceAccount's annotation allows, and none of the API server's own. */
  readonly audience: string;
  /** Lifetime asked for: at least 600; the API server may be configured to grant less. */
  readonly expirationSeconds: number;
}

/** Every authenticated user may ask who they are (ClusterRole system:basic-user). */
const WHO_AM_I: Resource = { apiVersion: 'authentication.k8s.io/v1', plural: 'selfsubjectreviews' };

/** Audiences remembered as foreign to the API server; the oldest is tried again beyond that. */
const MAX_REMEMBERED = 1_000;

/**
 * Tokens of ServiceAccounts (TokenRequest) that are fit to leave the cluster: their owner agreed to the audience,
 * and the API server itself does not take them.
 */
export class ServiceAccountTokens {
  readonly #client: Pick<KubernetesClient, 'call'>;
  readonly #foreignAudiences = new Set<string>();

  constructor({ client }: { readonly client: Pick<KubernetesClient, 'call'> }) {
    this.#client = client;
  }

  /**
   * Requests a new token.
   *
   * @throws FailureError `CredentialsMissing` when the ServiceAccount, its owner's consent or our right is
   *   missing; `RequestRefused` for a lifetime that the API server refuses and for an audience of its own;
   *   `VerificationFailed` for a token that is not for exactly that audience
   * @throws ApiError for everything that says nothing about the request
   */
  async request(request: ServiceAccountTokenRequest, signal: AbortSignal): Promise<SecretValue> {
    const uid = await consentingUid(this.#client, request, request.audience, signal);
    const token = await this.#issue(request, uid, signal);
    if (!isOnlyFor(request.audience, token)) throw forOthers(request);
    await this.#assertForeign(request, token, signal);
    return token;
  }

  async #issue(request: ServiceAccountTokenRequest, uid: string, signal: AbortSignal): Promise<SecretValue> {
    const { audience, expirationSeconds } = request;
    const answer = await this.#client
      .call<{ status?: { token?: unknown } }>({
        verb: 'create',
        at: { ...serviceAccount(request), subresource: 'token' },
        // With the uid the API server refuses a namesake that has not agreed (Kubernetes 1.34; ignored before).
        body: { metadata: { uid }, spec: { audiences: [audience], expirationSeconds } },
        signal,
      })
      .catch((error: unknown) => {
        throw isInvalid(error) ? refused(request) : accountFailure(request, error);
      });
    return new SecretValue(String(answer.status?.token));
  }

  /** Tries the token where it must not work; what that shows of an audience holds for all ServiceAccounts. */
  async #assertForeign(
    request: ServiceAccountTokenRequest,
    bearer: SecretValue,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#foreignAudiences.has(request.audience)) return;
    try {
      await this.#client.call({ verb: 'create', at: { resource: WHO_AM_I }, body: {}, bearer, signal });
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return this.#remember(request.audience);
      if (saysNothingOfTheBearer(error)) throw error;
    }
    throw own(request);
  }

  #remember(audience: string): void {
    const [oldest] = this.#foreignAudiences;
    if (oldest !== undefined && this.#foreignAudiences.size >= MAX_REMEMBERED) {
      this.#foreignAudiences.delete(oldest);
    }
    this.#foreignAudiences.add(audience);
  }
}

/** The claim, not what the answer says of it: the claim is what a recipient goes by. */
function isOnlyFor(audience: string, token: SecretValue): boolean {
  try {
    const { aud } = decodeJwt(token.reveal());
    return [aud].flat().length === 1 && [aud].flat()[0] === audience;
  } catch {
    return false;
  }
}

const isInvalid = (error: unknown) => error instanceof ApiError && [400, 422].includes(error.status);

/** Any other refusal, such as a 403, comes after the bearer was taken. */
function saysNothingOfTheBearer(error: unknown): boolean {
  return !(error instanceof ApiError) || error.status < 400 || error.status === 429 || error.status >= 500;
}

function own({ namespace, name, audience }: ServiceAccountTokenRequest): FailureError {
  return new FailureError(
    failure(
      'RequestRefused',
      `audience: ${JSON.stringify(audience)} is an audience of the Kubernetes API server itself, so whoever receives ` +
        `the token could act as ServiceAccount ${namespace}/${name}. Use one that only the authorization server accepts.`,
    ),
  );
}

function refused({ namespace, name, expirationSeconds }: ServiceAccountTokenRequest): FailureError {
  return new FailureError(
    failure(
      'RequestRefused',
      `expirationSeconds or audience: the API server refuses a token of ServiceAccount ${namespace}/${name} with ` +
        `expirationSeconds ${expirationSeconds}; it takes 600 and more.`,
    ),
  );
}

function forOthers({ namespace, name }: ServiceAccountTokenRequest): FailureError {
  return new FailureError(
    failure(
      'VerificationFailed',
      `audience: the token that the API server made for ServiceAccount ${namespace}/${name} is not for exactly this ` +
        'audience; an admission policy of the cluster changes it, and has to let it be.',
    ),
  );
}
