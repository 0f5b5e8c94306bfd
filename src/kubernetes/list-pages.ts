import type { KubernetesClient } from './client.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import type { Place } from './resource.ts';

/** Which objects: a collection, optionally narrowed by label, in a representation. */
export interface Selection {
  readonly at: Place;
  readonly labelSelector?: string | undefined;
  /** Media type of lists; default JSON of whole objects. */
  readonly listAccept?: string | undefined;
  /** Media type of watch events; default JSON of whole objects. */
  readonly watchAccept?: string | undefined;
}

/** All objects of a selection as of one moment. */
export interface Snapshot<T> {
  readonly resourceVersion: string;
  readonly items: readonly T[];
}

interface Page {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly KubernetesObject[] | null;
}

/** Large enough to be few calls, small enough that no answer is many megabytes; kubectl's own page. */
const PAGE_SIZE = 500;

/**
 * Lists a selection page by page. All pages show the state of the first one's moment; when that state is
 * compacted away before the last page was read, the API server answers 410 `Expired` and all starts anew.
 *
 * @param project applied page by page, so that whole objects are never all in memory
 * @throws ApiError
 */
export async function listPages<T>(
  client: KubernetesClient,
  selection: Selection,
  project: (object: KubernetesObject) => T,
  signal: AbortSignal,
): Promise<Snapshot<T>> {
  const items: T[] = [];
  let token: string | undefined;
  for (;;) {
    const page: Page = await client.call<Page>({
      verb: 'list',
      at: selection.at,
      query: { labelSelector: selection.labelSelector, limit: PAGE_SIZE, continue: token },
      ...(selection.listAccept === undefined ? {} : { accept: selection.listAccept }),
      signal,
    });
    for (const object of page.items ?? []) items.push(project(object));
    token = page.metadata.continue;
    if (!token) return { resourceVersion: page.metadata.resourceVersion, items };
  }
}
