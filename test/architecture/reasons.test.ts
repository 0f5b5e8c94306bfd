import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import ts from 'typescript';
import { DISPOSITIONS } from '../../src/failure.ts';
import { sourceFiles } from './source-files.ts';

const ROOT = join(import.meta.dirname, '../..');
const operations = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');
const files = new Map(sourceFiles().map((file) => [file.path, file]));

/** Reasons with a row of their own, which links to `#reason` lead to. */
const explained = [...operations.matchAll(/<a id="([a-z]+)"><\/a>`(\w+)`/g)].map(
  ([, id = '', reason = '']) => ({ id, reason }),
);

/** The members of a union of string literals. */
function union(path: string, name: string): string[] {
  const found: string[] = [];
  files.get(path)?.tree.forEachChild((node) => {
    if (!ts.isTypeAliasDeclaration(node) || node.name.text !== name) return;
    const members = ts.isUnionTypeNode(node.type) ? [...node.type.types] : [];
    for (const member of members) {
      if (ts.isLiteralTypeNode(member) && ts.isStringLiteral(member.literal)) found.push(member.literal.text);
    }
  });
  return found;
}

/** What a pattern captures in the text of a source file. */
const told = (path: string, pattern: RegExp) =>
  [...(files.get(path)?.text.matchAll(pattern) ?? [])].map(([, word = '']) => word);

const reasons = new Set([
  ...Object.keys(DISPOSITIONS),
  ...union('src/binding/degraded.ts', 'DegradedReason'),
  'TokenExpired',
]);

describe('docs/operations.md', () => {
  it('explains every reason for which something does not work, each once, and no other', () => {
    assert.ok(reasons.has('OverlapAtRisk'));
    assert.deepEqual(new Set(explained.map(({ reason }) => reason)), reasons);
    assert.equal(explained.length, reasons.size);
  });

  it('lets every reason be linked to by its name in lower case', () => {
    for (const { id, reason } of explained) assert.equal(id, reason.toLowerCase());
  });

  it('names every event and every reason of Ready', () => {
    const others = [
      ...told('src/binding/transitions.ts', /normal\('(\w+)'/g),
      ...told('src/binding/readiness.ts', /(?:granted|refused)\(\s*'(\w+)'/g),
    ];
    assert.ok(others.includes('DriftRepaired') && others.includes('NeverIssued'));
    assert.deepEqual(
      others.filter((reason) => !operations.includes(`\`${reason}\``)),
      [],
    );
  });

  it('names every metric', () => {
    const names = [
      ...told('controller/binding-series.ts', /^ {2}(\w+): \['/gm),
      ...told('controller/metrics.ts', /make\.\w+\(\s*'(\w+)'/g),
    ];
    assert.ok(names.includes('overlap_margin_seconds') && names.includes('rollouts_total'));
    assert.deepEqual(
      names.filter((name) => !operations.includes(`\`${name}\``)),
      [],
    );
  });
});
