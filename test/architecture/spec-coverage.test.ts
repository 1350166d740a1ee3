import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { root, textOf } from './sources.js';

/** Sections of docs/spec-coverage.md whose tests lie anywhere. Client and authorization server are held to it beside their tests. */
const SECTIONS = ['Resource server', 'State and registry', 'Command line', 'The facade guide'] as const;

const document = textOf('docs/spec-coverage.md');

function rowsOf(section: string): string[][] {
  const text = document.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? '';
  return text
    .split('\n')
    .filter((line) => /^\| (?!---|id |what |step )/.test(line))
    .map((line) => line.slice(2, -2).split(/ +\| */));
}

const namedIn = (cell: string | undefined): string[] =>
  [...(cell ?? '').matchAll(/`([\w./-]+(?:\.ts|\/))`/g)].map(([, path = '']) => path);
/** Titles are compared without what a string literal escapes. */
const plain = (text: string): string => text.replace(/\\/g, '');

describe('docs/spec-coverage.md', () => {
  it('has every row of the resource server, and every step of the facade guide', () => {
    const ids = new Set(rowsOf('Resource server').map(([id]) => id));
    for (let row = 1; row <= 17; row += 1) expect(ids.has(`R${row}`), `R${row}`).to.equal(true);
    const steps = new Set(rowsOf('The facade guide').flatMap(([step = '']) => step.split(', ')));
    for (let step = 1; step <= 18; step += 1) expect(steps.has(String(step)), `step ${step}`).to.equal(true);
  });

  for (const section of SECTIONS) {
    it(`${section}: names code and tests that exist`, () => {
      const missing: string[] = [];
      const rows = rowsOf(section);
      for (const row of rows) {
        const titles = (row.at(-1) ?? '').split('<br>');
        const [file = ''] = namedIn(row.at(-2));
        const code = row.slice(1, -2).flatMap((cell) => namedIn(cell));
        for (const path of code) if (!existsSync(join(root, 'src', path))) missing.push(path);
        if (!file.endsWith('.test.ts') || !existsSync(join(root, 'test', file))) {
          missing.push(file);
          continue;
        }
        const source = plain(textOf(`test/${file}`));
        for (const title of titles) {
          // What stands before the ellipsis is the part that a table of cases has in common.
          const shown = plain(title).trim().split('…', 1)[0] ?? '';
          if (shown === '' || !source.includes(shown)) missing.push(`${file}: ${title}`);
        }
      }
      expect(rows.length).to.be.greaterThan(5);
      expect(missing).to.deep.equal([]);
    });
  }
});
