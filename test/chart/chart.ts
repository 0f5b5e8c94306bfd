import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { KubernetesObject } from '@kubernetes/client-node';
import { parse, parseAllDocuments } from 'yaml';
import { resolveBinaries } from '../../sandbox/control-plane/index.ts';

export const CHART = fileURLToPath(new URL('../../charts/tokenbinding', import.meta.url));
export const CRD_NAME = 'tokenbindings.tokenbinding.erauner.dev';

export interface HelmResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

const { helm: HELM } = await resolveBinaries(process.env, { progress: process.stderr });

/** Runs helm without a cluster. */
export function helm(args: readonly string[], input = ''): HelmResult {
  const result = spawnSync(HELM, args, { input, encoding: 'utf8', env: { HOME: tmpdir() } });
  return { stdout: result.stdout, stderr: result.stderr, code: result.status };
}

/** `helm template` of release `tb` in namespace `system` with `values` over the defaults. */
export function template(values: object = {}): HelmResult {
  return helm(['template', 'tb', CHART, '--namespace=system', '--values=-'], JSON.stringify(values));
}

export function render(values: object = {}): KubernetesObject[] {
  const { stdout, stderr, code } = template(values);
  assert.equal(code, 0, stderr);
  return parseAllDocuments(stdout).map((document) => document.toJS());
}

/** The one object of `kind` named `name`, of whose type the caller is sure. */
export function find<T extends KubernetesObject>(
  objects: readonly KubernetesObject[],
  kind: string,
  name: string,
): T {
  const found = objects.filter((object) => object.kind === kind && object.metadata?.name === name);
  assert.equal(found.length, 1, `one ${kind} ${name}`);
  return found[0] as T;
}

export async function readYaml(url: URL): Promise<Record<string, unknown>> {
  return parse(await readFile(url, 'utf8'));
}
