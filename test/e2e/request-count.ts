import type { Cluster } from '../../sandbox/control-plane/index.ts';
import { waitFor } from '../../sandbox/wait-for.ts';

/** Requests by what they were: `GET secrets`, `PATCH tokenbindings/status`. */
export type RequestCount = Readonly<Record<string, number>>;

const SERIES = /^apiserver_request_total\{(.*)\} (\S+)$/gm;
const STILL_MS = 60_000;
/** The garbage collector's, which asks for every owner it has not heard of; the controller asks its cache. */
const NOT_OURS = 'GET tokenbindings';

/** What the API server itself has counted since it started (`apiserver_request_total`), watches left out. */
export async function countRequests({ kubectl }: Cluster): Promise<RequestCount> {
  const { stdout, code } = await kubectl(['get', '--raw', '/metrics']);
  if (code !== 0) throw new Error('the API server does not tell its metrics');
  const total: Record<string, number> = {};
  for (const [, labels = '', value] of stdout.matchAll(SERIES)) {
    const { verb, resource, subresource } = parse(labels);
    if (verb === 'WATCH' || !resource) continue;
    const name = `${verb} ${resource}${subresource ? `/${subresource}` : ''}`;
    if (name !== NOT_OURS) total[name] = (total[name] ?? 0) + Number(value);
  }
  return total;
}

/** What was counted between two looks, on these resources; what did not happen is left out. */
export function requestsBetween(
  before: RequestCount,
  after: RequestCount,
  resources: readonly string[],
): RequestCount {
  const grown = Object.entries(after)
    .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
    .filter(([name, count]) => count > 0 && resources.some((resource) => concerns(name, resource)));
  return Object.fromEntries(grown.sort());
}

/** The count once nothing is asked of these resources any more. */
export async function countWhenStill(cluster: Cluster, resources: readonly string[]): Promise<RequestCount> {
  let before = await countRequests(cluster);
  return waitFor(
    async () => {
      const after = await countRequests(cluster);
      const grown = requestsBetween(before, after, resources);
      before = after;
      return { after, grown };
    },
    {
      what: `requests on ${resources.join(', ')} to end`,
      timeoutMs: STILL_MS,
      until: ({ grown }) => Object.keys(grown).length === 0,
    },
  ).then(({ after }) => after);
}

const concerns = (name: string, resource: string) => name.split(/[ /]/)[1] === resource;

function parse(labels: string): Partial<Record<string, string>> {
  return Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
}
