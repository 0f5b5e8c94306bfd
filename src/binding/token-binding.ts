import type { TokenBindingSpec, TokenBindingStatus } from './token-binding.generated.ts';

export type { TokenBindingSpec, TokenBindingStatus };

/** The parts of metav1.ObjectMeta that this controller looks at. */
export interface ObjectMeta {
  name: string;
  namespace: string;
  uid: string;
  resourceVersion: string;
  generation: number;
  annotations?: Record<string, string>;
  finalizers?: string[];
  /** RFC 3339; set once the object is being deleted. */
  deletionTimestamp?: string;
}

/** A TokenBinding as the API server returns it: defaults filled in, cost-bounded, valid by its schema. */
export interface TokenBinding {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec: TokenBindingSpec;
  status?: TokenBindingStatus;
}
