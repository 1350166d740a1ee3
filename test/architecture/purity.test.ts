import { expect } from 'chai';
import ts from 'typescript';
import { repositoryFiles, sourceModules, textOf } from './sources.js';

/** The rooms that decide. What they answer depends on their arguments alone. */
const PURE = /^(?:src\/)?(?:scope|identity|access)\//;

/** Clocks, networks, waiting, chance and surroundings. */
const IMPURE = new Set([
  'Date',
  'Promise',
  'console',
  'fetch',
  'performance',
  'process',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
]);

/**
 * Where a `throw` may stand: for a mistake of the programmer, found while the handler is built. A denial is a value. One
 * line a file, with what it is thrown for.
 */
const THROWS: Readonly<Record<string, string>> = {
  'src/access/constraint/walk-path.ts': 'a path of the generated data that has no step',
};

describe('scope, identity and access', () => {
  const files = repositoryFiles('src').filter((file) => PURE.test(file) && file.endsWith('.ts'));

  it('are there', () => {
    expect(files).to.include.members(['src/scope/parse.ts', 'src/identity/identity.ts', 'src/access/judge.ts']);
  });

  it('are synchronous, have no clock and no network, and throw nothing', () => {
    const found = files.flatMap((file) =>
      impuritiesIn(textOf(file), file).filter((each) => !(each.endsWith('throw') && file in THROWS)),
    );
    expect(found).to.deep.equal([]);
  });

  it('throw a TypeError where a throw is allowed', () => {
    for (const file of Object.keys(THROWS)) {
      const thrown = [...textOf(file).matchAll(/\bthrow (\S+ \w+)/g)].map(([, what]) => what);
      expect(new Set(thrown), file).to.deep.equal(new Set(['new TypeError']));
    }
  });

  it('import nothing that could be otherwise: lodash, a pure library for patches, and types of the interface', () => {
    const allowed = /^(?:lodash\/.+|rfc6902|json-merge-patch|fhir-works-on-aws-interface)$/;
    const imported = sourceModules()
      .filter(({ path }) => PURE.test(path))
      .flatMap(({ path, packages }) => packages.map((name) => ({ path, name })));
    expect(imported.filter(({ name }) => !allowed.test(name))).to.deep.equal([]);
    for (const { path, name } of imported.filter((each) => each.name === 'fhir-works-on-aws-interface')) {
      expect(textOf(`src/${path}`), path).not.to.match(new RegExp(`^import (?!type )[^;]*'${name}'`, 'm'));
    }
  });

  it('notices each kind of impurity', () => {
    const impure = `
      export async function load() {
        await fetch('https://x.example');
        for await (const each of []) use(each);
        const now: Date = new Date(Date.now());
        if (Math.random() > 0.5) throw new Error('denied');
        setTimeout(() => Promise.resolve(now), 1);
      }`;
    const found = impuritiesIn(impure, 'x.ts').map((each) => each.replace(/^x\.ts:\d+ /, ''));
    expect(new Set(found)).to.deep.equal(
      new Set(['async', 'await', 'fetch', 'Date', 'Math.random', 'throw', 'setTimeout', 'Promise']),
    );
  });

  it('takes a property of such a name for what it is', () => {
    expect(
      impuritiesIn('export const x = (a: { fetch: string; Date: string }) => a.fetch + a.Date;', 'x.ts'),
    ).to.deep.equal([]);
  });
});

/** What in a source text is not pure: `file:line kind`. */
function impuritiesIn(text: string, file: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const found: string[] = [];

  function report(node: ts.Node, kind: string): void {
    found.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1} ${kind}`);
  }

  function visit(node: ts.Node): void {
    if (node.kind === ts.SyntaxKind.AsyncKeyword) report(node, 'async');
    else if (node.kind === ts.SyntaxKind.AwaitKeyword || ts.isAwaitExpression(node)) report(node, 'await');
    else if (ts.isThrowStatement(node)) report(node, 'throw');
    else if (ts.isIdentifier(node) && IMPURE.has(node.text) && !isMember(node)) report(node, node.text);
    else if (ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random') report(node, 'Math.random');
    ts.forEachChild(node, visit);
  }

  visit(source);
  return found;
}

/** `a.fetch`, `{ fetch: … }` and `fetch: string` in a type name a property, not the global. */
function isMember(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  return (
    (ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) || ts.isPropertyDeclaration(parent)) &&
    parent.name === node
  );
}
