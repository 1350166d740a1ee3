import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const code = (path: string): string => here(`../../../src/backend-services/authorization-server/${path}`);

describe('docs/spec-coverage.md, authorization server', () => {
  const document = readFileSync(here('../../../docs/spec-coverage.md'), 'utf8');
  const section = document.split(/^## /m).find((part) => part.startsWith('Authorization server')) ?? '';
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (?:---|id|adversary)/.test(line))
    .map((line) => line.slice(2, -2).split(/ +(?<!\\)\| +/));

  it('has every row from A1 to A42', () => {
    const ids = new Set(rows.map(([id = '']) => id.trim()));
    for (let row = 1; row <= 42; row += 1) expect(ids.has(`A${row}`), `A${row}`).to.equal(true);
  });

  it('names code and tests that exist', () => {
    const missing: string[] = [];
    for (const row of rows) {
      for (const [, path = ''] of row
        .slice(2)
        .join(' ')
        .matchAll(/`([\w./-]+(?:\.ts|\/))`/g)) {
        if (!existsSync(path.endsWith('.test.ts') ? here(path) : code(path))) missing.push(path);
      }
      const file = /`([\w./-]+\.test\.ts)`/.exec(row.join(' '))?.[1] ?? '';
      // Titles are compared without what a table and a string literal escape.
      const plain = (text: string): string => text.replace(/\\/g, '');
      const source = plain(readFileSync(here(file), 'utf8'));
      for (const title of (row.at(-1) ?? '').split('<br>')) {
        const shown = plain(title).trim();
        if (shown.includes('…') || /^and \d+ more$/.test(shown)) continue;
        if (!source.includes(shown)) missing.push(`${file}: ${shown}`);
      }
    }
    expect(missing).to.deep.equal([]);
  });
});
