import type { MachineConfig } from './machine-config.ts';
import type { VaultSnapshot } from './vault.ts';

/** What one update made: its configuration and the secrets that its boots get, however late they happen. */
export interface MachineVersion {
  /** `instance_id`: a ULID, new with every update. */
  readonly instanceId: string;
  readonly config: MachineConfig;
  readonly secrets: VaultSnapshot;
  /** Its checks never pass (injected fault). */
  readonly broken: boolean;
}
