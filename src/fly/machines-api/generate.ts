import { readFile, writeFile } from 'node:fs/promises';
import openapiTS, { astToString, type OpenAPI3 } from 'openapi-typescript';

/** `node generate.ts` writes the types of the specification; with `--check` it exits 1 when they are stale. */
const target = new URL('./schema.generated.ts', import.meta.url);
const wanted = `// Generated from openapi3.json by \`npm run generate\`; do not edit.\n\n${await types()}`;

if (!process.argv.includes('--check')) {
  await writeFile(target, wanted);
} else if ((await readFile(target, 'utf8').catch(() => '')) !== wanted) {
  console.error('src/fly/machines-api/schema.generated.ts is stale: run `npm run generate`');
  process.exitCode = 1;
}

async function types(): Promise<string> {
  const text = await readFile(new URL('./openapi3.json', import.meta.url), 'utf8');
  const specification = JSON.parse(text) as OpenAPI3;
  // PATCH carries the same operationId as PUT, and two types cannot share a name: PATCH goes without.
  const metadata = specification.paths?.['/apps/{app_name}/machines/{machine_id}/metadata'];
  const patch = metadata && 'patch' in metadata ? metadata.patch : undefined;
  if (patch && 'operationId' in patch) delete patch.operationId;
  return astToString(await openapiTS(specification, { silent: true }));
}
