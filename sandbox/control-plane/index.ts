export { type Binaries, resolveBinaries } from './binaries.ts';
export type { Environment } from './cache.ts';
export type { Cluster, ServiceAccount } from './cluster.ts';
export type { CommandOptions, CommandResult } from './command.ts';
export { type ControlPlane, type ControlPlaneOptions, startControlPlane } from './control-plane.ts';
export { useExistingCluster } from './existing-cluster.ts';
export { type OpenOptions, openControlPlane } from './open-control-plane.ts';
export { type ProgressStream, showProgress } from './progress.ts';
