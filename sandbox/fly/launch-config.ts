import { isRecord, type MachineConfig } from './machine-config.ts';

/** The parts that `flyctl` gives to the machines of an app. */
export type LaunchRole =
  /** Serves the app. */
  | 'app'
  /** Runs the release command of a deploy and destroys itself. */
  | 'releaseCommand'
  /** The same, as old versions mark it. */
  | 'oldReleaseCommand'
  /** Runs the test command of a check, and destroys itself. */
  | 'testCommand'
  /** Somebody's `fly console`; destroys itself. */
  | 'console'
  /** The extra machine of a canary deploy. */
  | 'canary'
  /** The new half of a blue-green deploy under way, and afterwards. */
  | 'green'
  /** The old half of a blue-green deploy, about to be destroyed. */
  | 'retiring';

const MARKS: Readonly<Record<LaunchRole, Readonly<Record<string, string>>>> = {
  app: { fly_process_group: 'app' },
  releaseCommand: { fly_process_group: 'fly_app_release_command' },
  oldReleaseCommand: { process_group: 'release_command' },
  testCommand: { fly_process_group: 'fly_app_test_machine_command' },
  console: { fly_process_group: 'fly_app_console' },
  canary: { fly_process_group: 'app', fly_canary: 'true' },
  green: { fly_process_group: 'app', fly_bluegreen_deployment_tag: '1795500000' },
  retiring: { fly_process_group: 'app', fly_bluegreen_deployment_tag: 'safe_to_destroy' },
};
const ONE_SHOTS: readonly LaunchRole[] = ['releaseCommand', 'oldReleaseCommand', 'testCommand', 'console'];

/**
 * `config` as Fly Launch would have written it for a machine in this role. Without it a machine is loose: it has
 * the app's secrets, and `flyctl` passes it over.
 */
export function launchConfig(role: LaunchRole, config: MachineConfig): MachineConfig {
  const release = { fly_platform_version: 'v2', fly_release_id: 'rel_sandbox', fly_release_version: '1' };
  const metadata = { ...(isRecord(config.metadata) && config.metadata), ...release, ...MARKS[role] };
  if (!ONE_SHOTS.includes(role)) return { ...config, metadata };
  const { checks: _, services: __, ...bare } = config;
  return { ...bare, metadata, auto_destroy: true, restart: { policy: 'no' } };
}
