import { expect } from 'chai';
import type { ChangeKind } from '../../src/replay/compare.js';
import type { RecordedRequest } from '../../src/replay/request.js';
import { readRequest } from '../../src/replay/request.js';
import { blocksOf, codeIn, sectionOf, tablesOf } from '../architecture/markdown.js';

const MEMBERS: Readonly<Record<keyof RecordedRequest, true>> = {
  claims: true,
  operation: true,
  resourceType: true,
  id: true,
  vid: true,
  baseUrl: true,
  query: true,
  conditional: true,
  bulkDataAuth: true,
  types: true,
  filters: true,
  entries: true,
  resource: true,
  storedResource: true,
  patch: true,
  bundle: true,
  refused: true,
};

const KINDS: Readonly<Record<ChangeKind, true>> = {
  opened: true,
  closed: true,
  entries: true,
  query: true,
  types: true,
  reason: true,
};

describe('what docs/tools.md says about recordings', () => {
  const firstColumn = (heading: string, column: string): string[] =>
    tablesOf(sectionOf('docs/tools.md', heading))
      .flat()
      .flatMap((row) => codeIn(row[column] ?? ''));

  it('names every member of a line, and no other', () => {
    expect(firstColumn('### Format', 'member')).to.have.members(Object.keys(MEMBERS));
  });

  it('names every kind of change, and no other', () => {
    expect(firstColumn('## compare', 'kind')).to.have.members(Object.keys(KINDS));
  });

  it('gives examples that are lines', () => {
    const examples = blocksOf(sectionOf('docs/tools.md', '### Format'), 'json');
    expect(examples).to.have.lengthOf(2);
    for (const example of examples) expect(readRequest(example)).to.have.property('operation');
  });
});
