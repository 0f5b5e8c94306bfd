import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';
import type { ClientRegistry } from './client-registry.ts';

/** The store behind oidc-provider: clients, and the ids of the assertions it has seen. JWT access tokens are not kept. */
export function createStore(clients: ClientRegistry): AdapterFactory {
  return (model) => {
    if (model === 'Client') return adapter({ find: async (id) => clients.metadata(id) });
    if (model !== 'ReplayDetection') return adapter({});
    const seen = new Map<string, AdapterPayload>();
    return adapter({
      find: async (id) => seen.get(id),
      upsert: async (id, payload) => void seen.set(id, payload),
    });
  };
}

function adapter(parts: Partial<Adapter>): Adapter {
  const nothing = async () => undefined;
  return {
    find: nothing,
    findByUid: nothing,
    findByUserCode: nothing,
    upsert: nothing,
    consume: nothing,
    destroy: nothing,
    revokeByGrantId: nothing,
    ...parts,
  };
}
