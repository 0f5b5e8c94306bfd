import { EgressRefusedError } from './egress-refused-error.ts';

/**
 * Refuses a URL that must not be called, whatever it resolves to.
 *
 * @param allowHosts exact hosts or `*.suffix` (any depth below the suffix, not the suffix itself), in lower
 *   case; empty allows every host
 * @throws EgressRefusedError for a scheme other than https, for userinfo and for a host not on the list
 */
export function checkDestination(url: URL, allowHosts: readonly string[]): void {
  const host = url.hostname;
  if (url.protocol !== 'https:') {
    throw new EgressRefusedError('scheme', host, 'only https is allowed; use an https URL.');
  }
  if (url.username !== '' || url.password !== '') {
    throw new EgressRefusedError('userinfo', host, 'write the host without user and password.');
  }
  if (allowHosts.length > 0 && !allowHosts.some((pattern) => matches(pattern, host))) {
    throw new EgressRefusedError(
      'host',
      host,
      'it is not among the hosts of --egress-allow-hosts; add it there.',
    );
  }
}

function matches(pattern: string, host: string): boolean {
  const name = host.endsWith('.') ? host.slice(0, -1) : host;
  return pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) : name === pattern;
}
