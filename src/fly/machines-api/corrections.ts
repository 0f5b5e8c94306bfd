import type { operations, paths } from './schema.generated.ts';

/**
 * Where the published specification and the live service disagree, the service wins: these types replace the
 * generated ones. Everything not named here is taken from the specification as it is.
 */

/** A JSON object whose members are kept as they came. */
export interface JsonObject {
  readonly [member: string]: unknown;
}

/**
 * The specification requires `version`; the service once sent only `Version` and now sends both, the capital
 * one deprecated. Neither is trusted to be an integer.
 */
export interface SecretsVersion {
  readonly version?: unknown;
  readonly Version?: unknown;
}

/**
 * A machine stays untyped: an update replaces its whole config, and the specification lacks members that live
 * machines have (`cordoned`, `containers`, `config.spot`, …), which a typed copy would delete.
 */
export type Machine = JsonObject;

/** The body of an update. `config` is the complete one, as last read, with the change in it. */
export interface MachineUpdate {
  readonly config: JsonObject;
  readonly skip_launch: boolean;
  /** At least this version of the app's secrets is in the machine's environment: a floor, no snapshot. */
  readonly min_secrets_version: number;
  /** The `instance_id` that the change is based on; another one is refused (409 or 412). */
  readonly current_version: string;
}

interface Content<Body> {
  headers: { [name: string]: unknown };
  content: { 'application/json': Body };
}

type Replying<Operation, Status extends number, Body> = Omit<Operation, 'responses'> & {
  responses: { [S in Status]: Content<Body> };
};

type Taking<Operation, Body> = Omit<Operation, 'requestBody'> & {
  requestBody: { content: { 'application/json': Body } };
};

type CreateLease = operations['Machines_create_lease'];

/** The specification shows the bare lease; the service wraps it in an envelope, like every lease reply. */
export interface LeaseReply {
  readonly data?: { readonly nonce?: unknown };
}

/** Every part may be missing: zeros are left out of some replies. Output is left untyped, for nobody to read it. */
export interface ExecReply {
  readonly exit_code?: unknown;
  readonly exit_signal?: unknown;
}

/** An earlier or later version of a machine's config. */
export interface MachineVersion {
  /** The `instance_id` that a machine of this version has. */
  readonly version?: unknown;
  readonly user_config?: unknown;
}

/** Operations by path, as the service really takes and answers them. */
interface Corrections {
  '/tokens/current': {
    get: Replying<operations['CurrentToken_show'], 200, JsonObject>;
  };
  '/apps/{app_name}/secrets': {
    get: Replying<operations['Secrets_list'], 200, JsonObject>;
    /** `null` unsets a name: the prose says so, the schema forgets it. */
    post: Taking<
      Replying<operations['Secrets_update'], 200, SecretsVersion>,
      { values: { readonly [name: string]: string | null } }
    >;
  };
  '/apps/{app_name}/secrets/{secret_name}': {
    post: Replying<operations['Secret_create'], 201, SecretsVersion & { readonly digest?: unknown }>;
  };
  '/apps/{app_name}/machines': {
    get: Replying<operations['Machines_list'], 200, readonly Machine[]>;
  };
  '/apps/{app_name}/machines/{machine_id}': {
    get: Replying<operations['Machines_show'], 200, Machine>;
    post: Taking<Replying<operations['Machines_update'], 200, Machine>, MachineUpdate>;
  };
  '/apps/{app_name}/machines/{machine_id}/lease': {
    /** The time to live also goes into the query: Fly's own client puts it only there. Seconds. */
    post: Replying<Omit<CreateLease, 'parameters'>, 201, LeaseReply> & {
      parameters: Omit<CreateLease['parameters'], 'query'> & { query: { ttl: number } };
    };
  };
  '/apps/{app_name}/machines/{machine_id}/exec': {
    post: Replying<operations['Machines_exec'], 200, ExecReply>;
  };
  '/apps/{app_name}/machines/{machine_id}/versions': {
    get: Replying<operations['Machines_list_versions'], 200, readonly MachineVersion[]>;
  };
}

/** The paths of the API, corrected operations in the place of the generated ones. */
export type MachinesApiPaths = {
  [Path in keyof paths]: Path extends keyof Corrections
    ? Omit<paths[Path], keyof Corrections[Path]> & Corrections[Path]
    : paths[Path];
};
