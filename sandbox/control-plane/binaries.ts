import { join } from 'node:path';
import { type Build, cached, cacheRoot, type Environment, isExecutable } from './cache.ts';
import { goBuild } from './go-build.ts';
import type { ProgressStream } from './progress.ts';
import { TOOLS, type Tool, type ToolName } from './tools.ts';

/** Path of each executable. */
export type Binaries<N extends ToolName = ToolName> = Readonly<Record<N, string>>;

export interface ResolveOptions<N extends ToolName = ToolName> {
  /** Where progress of builds is shown. */
  readonly progress: ProgressStream;
  /** The programs that are needed; all by default. */
  readonly only?: readonly N[];
  /** How a program is built; by default with Go. */
  readonly build?: Build<Tool>;
  /** See `CacheOptions`, as all below. */
  readonly lockStaleMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Finds the programs a control plane needs, first match wins: `TEST_ASSET_<NAME>` (as in
 * `TEST_ASSET_KUBE_APISERVER`), `KUBEBUILDER_ASSETS/<name>`, the cache, a build into the cache.
 * Programs on PATH are not used: their versions are anybody's guess.
 *
 * @throws when a program named by the environment is not an executable file, or a build fails
 */
export async function resolveBinaries<N extends ToolName = ToolName>(
  env: Environment,
  options: ResolveOptions<N>,
): Promise<Binaries<N>> {
  const only: readonly ToolName[] | undefined = options.only;
  const found: Partial<Record<ToolName, string>> = {};
  // One after the other: they share most of their packages, and each build uses every core.
  for (const tool of TOOLS) {
    if (only === undefined || only.includes(tool.name)) found[tool.name] = await resolve(tool, env, options);
  }
  return found as Binaries<N>;
}

async function resolve(tool: Tool, env: Environment, options: ResolveOptions): Promise<string> {
  const given = await givenByEnvironment(tool.name, env);
  if (given !== undefined) return given;
  return cached(tool, {
    build: goBuild(env),
    ...options,
    directory: join(cacheRoot(env), `${tool.name}-${tool.version}-${process.platform}-${process.arch}`),
  });
}

async function givenByEnvironment(name: ToolName, env: Environment): Promise<string | undefined> {
  const variable = `TEST_ASSET_${name.toUpperCase().replaceAll('-', '_')}`;
  const path = env[variable];
  if (path) {
    if (await isExecutable(path)) return path;
    throw new Error(`${variable} is ${path}, which is not an executable file: correct it or unset it`);
  }
  // setup-envtest delivers only some of the programs, so a missing one is no mistake.
  const asset = env.KUBEBUILDER_ASSETS ? join(env.KUBEBUILDER_ASSETS, name) : undefined;
  return asset && (await isExecutable(asset)) ? asset : undefined;
}
