import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Paths of the machine that no root directory of its own stands for. */
const SHARED = /^\/(?:dev|proc)\//;

/** A machine's root file system: a directory of this computer, new at every boot. */
export class MachineRoot {
  /** Absolute path; also the working directory of everything that the machine runs. */
  readonly path: string;

  /** @param parent an existing directory */
  constructor(parent: string, machineId: string) {
    this.path = join(parent, machineId);
  }

  /** Empties it, as each boot does. */
  async reset(): Promise<void> {
    await this.remove();
    await mkdir(this.path, { recursive: true });
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }

  /** Where `path` of the machine is found here: below the root when it is absolute, else as it is. */
  locate(path: string): string {
    return path.startsWith('/') && !SHARED.test(path) ? join(this.path, path) : path;
  }
}
