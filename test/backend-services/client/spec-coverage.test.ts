import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

describe('docs/spec-coverage.md, client', () => {
  const document = readFileSync(here('../../../docs/spec-coverage.md'), 'utf8');
  const section = document.split(/^## /m).find((part) => part.startsWith('Client')) ?? '';
  const rows = section
    .split('\n')
    .filter((line) => /^\| C\d/.test(line))
    .map((line) => line.slice(2, -2).split(/ *\| */));
  const paths = (cell: string | undefined): string[] =>
    [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, path = '']) => path);

  it('has every row from C1 to C14', () => {
    expect(new Set(rows.map(([id]) => id))).to.deep.equal(
      new Set(Array.from({ length: 14 }, (_, index) => `C${index + 1}`)),
    );
  });

  it('names code that exists, and tests by their id', () => {
    for (const [id = '', , code, file, titles = ''] of rows) {
      for (const path of paths(code))
        expect(existsSync(here(`../../../src/backend-services/${path}`)), path).to.equal(true);
      const source = paths(file)
        .map((path) => readFileSync(here(`../${path}`), 'utf8'))
        .join('');
      for (const title of titles.split('<br>')) expect(source, `${id}: ${title}`).to.include(`${id}: ${title}`);
    }
  });
});
