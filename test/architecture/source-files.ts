import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import ts from 'typescript';

const ROOT = join(import.meta.dirname, '../..');
const FOLDERS = ['src', 'controller', 'sandbox', 'crds', 'charts', 'docs', 'test'];

/** A file of ours as the architecture sees it. */
export interface SourceFile {
  /** Relative to the repository, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  /** Paths of our own files, or names of packages and `node:` modules. */
  readonly imports: readonly string[];
  readonly tree: ts.SourceFile;
}

/** All TypeScript that people write and read here; generated files are left out. */
export function sourceFiles(): SourceFile[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter(
        (path) => /\.(ts|mjs)$/.test(path) && !path.includes('node_modules') && !path.includes('.generated.'),
      )
      .map((path) => read(join(folder, path))),
  );
}

function read(path: string): SourceFile {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
  const { importedFiles } = ts.preProcessFile(text, true, true);
  const imports = importedFiles.map(({ fileName }) => resolve(path, fileName));
  return { path, text, lines: text.split('\n').length - 1, imports, tree };
}

function resolve(from: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return relative(ROOT, normalize(join(ROOT, dirname(from), specifier)));
}

/** Every identifier and keyword of a file that stands in code, not in comments or strings. */
export function words(file: SourceFile): Set<string> {
  const found = new Set<string>();
  const visit = (node: ts.Node) => {
    if (ts.isIdentifier(node)) found.add(node.text);
    if (ts.isAwaitExpression(node)) found.add('await');
    if (ts.isPropertyAccessExpression(node)) found.add(node.getText(file.tree));
    ts.forEachChild(node, visit);
  };
  visit(file.tree);
  return found;
}
