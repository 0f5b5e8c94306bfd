/**
 * The root of the API for a URL as people write it: `https://api.machines.dev`, with a trailing slash, or with
 * the `/v1` that the specification's server has and Fly's own tools leave out. Always ends in `/v1`.
 *
 * @throws {TypeError} when `url` is not an absolute URL
 */
export function apiRoot(url: string): string {
  const parsed = new URL(url);
  const path = parsed.pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
  return `${parsed.origin}${path}/v1`;
}
