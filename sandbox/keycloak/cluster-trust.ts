import type { Cluster, CommandResult } from '../control-plane/index.ts';

const BINDING = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'sandbox:service-account-issuer-discovery' },
  roleRef: {
    apiGroup: 'rbac.authorization.k8s.io',
    kind: 'ClusterRole',
    name: 'system:service-account-issuer-discovery',
  },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:unauthenticated' }],
};

/**
 * Lets everybody read with which public keys the cluster signs ServiceAccount tokens, as a verifier must that is no
 * part of the cluster.
 *
 * @returns the `iss` of those tokens
 */
export async function publishServiceAccountIssuer({ kubectl }: Cluster): Promise<string> {
  const options = { input: JSON.stringify(BINDING) };
  succeed('the ClusterRoleBinding for discovery', await kubectl(['apply', '--filename=-'], options));
  const metadata = await kubectl(['get', '--raw=/.well-known/openid-configuration']);
  const { issuer }: { issuer: string } = JSON.parse(succeed('the discovery of the issuer', metadata));
  return issuer;
}

function succeed(what: string, { stdout, stderr, code }: CommandResult): string {
  if (code !== 0) throw new Error(`${what} failed: ${stderr.trim()}`);
  return stdout;
}
