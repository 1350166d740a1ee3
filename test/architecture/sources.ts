import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** The directory of the package. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** What tools write, and what is not ours. */
const LEFT_OUT = new Set(['.git', '.cache', '.stryker-tmp', 'coverage', 'dist', 'node_modules', 'reports']);

/** Every file of the repository, by its path from the root, sorted. */
export function repositoryFiles(below = ''): string[] {
  const files: string[] = [];
  for (const name of readdirSync(join(root, below)).sort()) {
    if (LEFT_OUT.has(name)) continue;
    const path = below === '' ? name : `${below}/${name}`;
    if (statSync(join(root, path)).isDirectory()) files.push(...repositoryFiles(path));
    else if (!name.endsWith('.log') && !name.endsWith('.tgz')) files.push(path);
  }
  return files;
}

/** The text of a file, by its path from the root. */
export function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** A module below src, with the modules below src that it imports. */
export interface SourceModule {
  /** From src on: `access/judge.ts`. */
  readonly path: string;
  /** Types as well as values. */
  readonly imports: readonly string[];
  /** Those of which something is left at run time. */
  readonly values: readonly string[];
  /** What it imports from packages and from Node. */
  readonly packages: readonly string[];
}

/** The import graph of src. Declarations of other packages (`.d.ts`) are no modules. */
export function sourceModules(): SourceModule[] {
  return repositoryFiles('src')
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map((file) => {
      const resolve = (specifier: string): string =>
        relative('src', join(dirname(file), specifier)).replace(/\.js$/, '.ts');
      const found = importsOf(file);
      const own = found.filter(({ specifier }) => specifier.startsWith('.'));
      return {
        path: file.slice('src/'.length),
        imports: own.map(({ specifier }) => resolve(specifier)),
        values: own.filter(({ isType }) => !isType).map(({ specifier }) => resolve(specifier)),
        packages: found.map(({ specifier }) => specifier).filter((specifier) => !specifier.startsWith('.')),
      };
    });
}

/** Every module that a file names, in a dynamic import or an `import('…')` type too; and whether for its types alone. */
function importsOf(file: string): { specifier: string; isType: boolean }[] {
  const text = textOf(file);
  const typesOnly = new Map<string, boolean>();
  for (const node of ts.createSourceFile(file, text, ts.ScriptTarget.ES2022).statements) {
    const isImport = ts.isImportDeclaration(node);
    if (!isImport && !ts.isExportDeclaration(node)) continue;
    const { moduleSpecifier } = node;
    if (!moduleSpecifier || !ts.isStringLiteral(moduleSpecifier)) continue;
    const isType = isImport ? node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword : node.isTypeOnly;
    typesOnly.set(moduleSpecifier.text, isType && (typesOnly.get(moduleSpecifier.text) ?? true));
  }
  const specifiers = new Set(ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName));
  return [...specifiers].map((specifier) => ({ specifier, isType: typesOnly.get(specifier) ?? false }));
}

/** The room of a module: its folder, or its own name where it lies in src itself. */
export function roomOf(path: string): string {
  const slash = path.indexOf('/');
  return slash === -1 ? path : path.slice(0, slash);
}
