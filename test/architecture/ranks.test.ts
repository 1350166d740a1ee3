import { expect } from 'chai';
import ts from 'typescript';
import type { SourceModule } from './sources.js';
import { roomOf, sourceModules, textOf } from './sources.js';

/**
 * The rooms from the ground up. A room imports from rooms of a lower rank only; never from its neighbours, so that no two
 * rooms can ever need each other. The faces of the library (rank 3) are built upon one another, in this order.
 */
const RANKS: Readonly<Record<string, number>> = {
  'errors.ts': -1,
  'json-object.ts': -1,
  'once.ts': -1,
  fhir: 0,
  scope: 1,
  identity: 1,
  token: 1,
  access: 2,
  'backend-services': 2,
  'config.ts': 2.5,
  'decision-event.ts': 2.5,
  'denied-error.ts': 2.5,
  'options.ts': 2.6,
  'requests.ts': 2.6,
  'realm.ts': 2.7,
  'callers.ts': 2.8,
  'handler.ts': 3,
  http: 3.1,
  'config-file': 3.12,
  replay: 3.13,
  explorer: 3.17,
  observe: 2.9,
  gateway: 3.13,
  cli: 3.2,
  'index.ts': 4,
};

describe('the rooms of src', () => {
  const modules = sourceModules();

  it('are all known, with a rank', () => {
    expect([...new Set(modules.map(({ path }) => roomOf(path)))].filter((room) => !(room in RANKS))).to.deep.equal([]);
  });

  it('import from lower ranks only', () => {
    const upward = modules.flatMap(({ path, imports }) =>
      imports
        .filter((imported) => roomOf(imported) !== roomOf(path) && rankOf(imported) >= rankOf(path))
        .map((imported) => `${path} imports ${imported}`),
    );
    expect(upward).to.deep.equal([]);
  });

  it('import only what exists', () => {
    const known = new Set(modules.map(({ path }) => path));
    const missing = modules.flatMap(({ path, imports }) =>
      imports.filter((imported) => !known.has(imported)).map((imported) => `${path} imports ${imported}`),
    );
    expect(missing).to.deep.equal([]);
  });

  it('hold no files that need each other in a circle at run time', () => {
    expect(findCircle(modules)).to.equal(undefined);
  });

  it('do not reach into the generator, which is no part of the package', () => {
    const reaching = modules.filter(
      ({ path, imports }) =>
        !path.startsWith('fhir/generator/') && imports.some((imported) => imported.startsWith('fhir/generator/')),
    );
    expect(reaching.map(({ path }) => path)).to.deep.equal([]);
  });

  it('keep the whole configuration to the handler, http and cli', () => {
    const narrow = modules.filter(
      ({ path, imports }) => rankOf(path) < rankOf('config.ts') && imports.includes('config.ts'),
    );
    expect(narrow.map(({ path }) => path)).to.deep.equal([]);
  });

  it('have an index of named exports without logic', () => {
    const source = ts.createSourceFile('index.ts', textOf('src/index.ts'), ts.ScriptTarget.ES2022);
    const isNamed = (node: ts.Statement): boolean =>
      ts.isExportDeclaration(node) && node.exportClause !== undefined && ts.isNamedExports(node.exportClause);
    expect(source.statements.length).to.be.greaterThan(0);
    expect(source.statements.every(isNamed)).to.equal(true);
  });

  it('tell an import of types from one of values', () => {
    const handler = modules.find(({ path }) => path === 'handler.ts');
    expect(handler?.imports).to.include.members(['config.ts', 'access/judge.ts']);
    expect(handler?.values).to.include('access/judge.ts').and.not.to.include('access/caller.ts');
  });

  it('finds the circle in a graph that has one', () => {
    const graph = [
      { path: 'a.ts', imports: ['b.ts'], values: ['b.ts'], packages: [] },
      { path: 'b.ts', imports: ['c.ts'], values: ['c.ts'], packages: [] },
      { path: 'c.ts', imports: ['b.ts'], values: ['b.ts'], packages: [] },
    ];
    expect(findCircle(graph)).to.deep.equal(['b.ts', 'c.ts', 'b.ts']);
  });
});

function rankOf(path: string): number {
  return RANKS[roomOf(path)] ?? Number.NaN;
}

function findCircle(modules: readonly SourceModule[]): string[] | undefined {
  const neededBy = new Map(modules.map(({ path, values }) => [path, values]));
  const finished = new Set<string>();

  function visit(path: string, trail: readonly string[]): string[] | undefined {
    const before = trail.indexOf(path);
    if (before !== -1) return [...trail.slice(before), path];
    if (finished.has(path)) return undefined;
    for (const needed of neededBy.get(path) ?? []) {
      const circle = visit(needed, [...trail, path]);
      if (circle) return circle;
    }
    finished.add(path);
    return undefined;
  }

  for (const { path } of modules) {
    const circle = visit(path, []);
    if (circle) return circle;
  }
  return undefined;
}
