import { expect } from 'chai';
import { codeIn, sectionOf, tablesOf } from '../architecture/markdown.js';
import { textOf } from '../architecture/sources.js';

/** The members of an exported interface, from its text: they are indented by two spaces and readonly. */
function membersOf(file: string, name: string): readonly string[] {
  const [, body = ''] = new RegExp(`export interface ${name} \\{\\n([\\s\\S]*?)\\n\\}`).exec(textOf(file)) ?? [];
  return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, member = '']) => member);
}

describe('docs/middleware.md', () => {
  it('lists every option, and no other', () => {
    const listed = tablesOf(sectionOf('docs/middleware.md', '## Options'))
      .flat()
      .flatMap((row) => codeIn(row['option'] ?? ''));
    const own = membersOf('src/http/guard.ts', 'GuardOptions');
    expect(own.length).to.be.greaterThan(8);
    expect(listed).to.have.members([
      ...own,
      ...membersOf('src/http/narrow-search.ts', 'NarrowSearchOptions').map((member) => `narrowSearch.${member}`),
      ...membersOf('src/http/bulk-data.ts', 'BulkDataOptions').map((member) => `bulkData.${member}`),
    ]);
  });
});
