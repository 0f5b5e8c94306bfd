import { ALLOWED_AUDIENCE } from '../binding/names.ts';
import { FailureError, failure } from '../failure.ts';
import { ApiError } from './api-error.ts';
import type { KubernetesClient } from './client.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import type { ObjectRef } from './object-ref.ts';
import type { Place, Resource } from './resource.ts';

const RESOURCE: Resource = { apiVersion: 'v1', plural: 'serviceaccounts' };

export const serviceAccount = ({ namespace, name }: ObjectRef): Place => ({
  resource: RESOURCE,
  namespace,
  name,
});

/**
 * The uid of a ServiceAccount whose owner lets bindings use its tokens for that audience.
 *
 * @throws FailureError `CredentialsMissing`, with the command that mends it, when there is no ServiceAccount, no
 *   consent, or no right to read it
 * @throws ApiError for everything else
 */
export async function consentingUid(
  client: Pick<KubernetesClient, 'call'>,
  ref: ObjectRef,
  audience: string,
  signal: AbortSignal,
): Promise<string> {
  try {
    const { metadata } = await client.call<KubernetesObject>({
      verb: 'get',
      at: serviceAccount(ref),
      signal,
    });
    const allowed = metadata.annotations?.[ALLOWED_AUDIENCE];
    if (allowed !== audience) throw withoutConsent(ref, audience, allowed !== undefined);
    return metadata.uid;
  } catch (error) {
    throw accountFailure(ref, error);
  }
}

/** What a refusal says of the ServiceAccount or of our right to it; any other error as it is. */
export function accountFailure(ref: ObjectRef, error: unknown): unknown {
  if (!(error instanceof ApiError)) return error;
  const { namespace, name } = ref;
  if (error.status === 404) {
    return missing(
      `ServiceAccount ${namespace}/${name} does not exist; create it with: ` +
        `kubectl create serviceaccount ${quoted(name)} -n ${namespace}, or correct the name in the binding.`,
    );
  }
  if (error.status === 403) {
    return missing(
      `The controller may not request tokens of ServiceAccount ${namespace}/${name}; the chart grants this for no ` +
        'ServiceAccount by itself. The Role in its README (get on serviceaccounts, create on ' +
        `serviceaccounts/token, with resourceNames: [${name}]) does.`,
    );
  }
  return error;
}

function withoutConsent({ namespace, name }: ObjectRef, audience: string, other: boolean): FailureError {
  const annotation = `${ALLOWED_AUDIENCE}=${audience}`;
  return missing(
    `ServiceAccount ${namespace}/${name} is not released for this audience; its owner does that with: ` +
      `kubectl annotate serviceaccount ${quoted(name)} -n ${namespace} ${quoted(annotation)}${other ? ' --overwrite' : ''}`,
  );
}

const missing = (message: string) => new FailureError(failure('CredentialsMissing', message));

/** For a POSIX shell: the audience is chosen by whoever writes the binding, and somebody else pastes the line. */
function quoted(argument: string): string {
  return /^[\w./:=@-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}
