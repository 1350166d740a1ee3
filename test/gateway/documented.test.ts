import { expect } from 'chai';
import ts from 'typescript';
import { codeIn, sectionOf, tablesOf } from '../architecture/markdown.js';
import { textOf } from '../architecture/sources.js';

/** The members of an exported interface, without those that it inherits. */
function membersOf(file: string, name: string): readonly string[] {
  const source = ts.createSourceFile(file, textOf(file), ts.ScriptTarget.ES2022);
  const found = source.statements.find(
    (node): node is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(node) && node.name.text === name,
  );
  return (found?.members ?? []).flatMap(({ name: member }) => (member && ts.isIdentifier(member) ? [member.text] : []));
}

describe('docs/gateway.md', () => {
  it('lists every option of the gateway, and no other', () => {
    const options = membersOf('src/gateway/options.ts', 'GatewayOptions');
    expect(options.length).to.be.greaterThan(20);
    const listed = tablesOf(sectionOf('docs/gateway.md', '## Options')).flat();
    expect(listed.flatMap((row) => codeIn(row['option'] ?? ''))).to.have.members(options);
  });

  it('lists every metric, and no other', () => {
    const made = [...textOf('src/observe/telemetry.ts').matchAll(/create(?:Counter|Histogram)\('([\w.]+)'/g)];
    expect(made.length).to.be.greaterThan(3);
    const listed = tablesOf(sectionOf('docs/gateway.md', '## Watching it')).flat();
    expect(listed.flatMap((row) => codeIn(row['metric'] ?? ''))).to.have.members(made.map(([, name]) => name));
  });
});
