import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CommandResult, resolveBinaries, startControlPlane } from '../../sandbox/control-plane/index.ts';
import { CHART } from './chart.ts';

/** A control plane on which charts are installed. Its commands throw when they fail. */
export interface ReleaseCluster extends AsyncDisposable {
  kubectl(...args: string[]): Promise<string>;
  helm(...args: string[]): Promise<string>;
  /** Answers whatever the exit code. */
  try(args: readonly string[], input?: string): Promise<CommandResult>;
}

export async function startReleaseCluster(): Promise<ReleaseCluster> {
  const binaries = await resolveBinaries(process.env, { progress: process.stderr });
  const controlPlane = await startControlPlane({ binaries });
  const succeed = ({ stdout, stderr, code }: CommandResult): string => {
    assert.equal(code, 0, stderr);
    return stdout;
  };
  return {
    kubectl: async (...args) => succeed(await controlPlane.kubectl(args)),
    helm: async (...args) => succeed(await controlPlane.helm(args)),
    try: (args, input = '') => controlPlane.kubectl(args, { input }),
    [Symbol.asyncDispose]: () => controlPlane.stop(),
  };
}

/** A copy of the chart as version 0.0.1, whose CRD lacks the column Attempts. */
export async function previousChart(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'previous-chart-'));
  await cp(CHART, path, { recursive: true });
  await rewrite(join(path, 'Chart.yaml'), /0\.1\.0/g, '0.0.1');
  await rewrite(join(path, 'templates/crd.generated.yaml'), /^ {8}- name: Attempts\n(?: {10}.*\n)+/gm, '');
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

async function rewrite(file: string, from: RegExp, to: string): Promise<void> {
  const before = await readFile(file, 'utf8');
  const after = before.replace(from, to);
  assert.notEqual(after, before, `${file} has nothing like ${from}`);
  await writeFile(file, after);
}
