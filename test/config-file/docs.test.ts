import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { configJsonSchema } from '../../src/config-file/json-schema.js';
import { parseConfig } from '../../src/config-file/read.js';

const textOf = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
}

function keysIn(node: Node, path: string): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, property]) => {
    const key = path === '' ? name : `${path}.${name}`;
    return [key, ...keysIn(property.items ?? property, property.items ? `${key}[]` : key)];
  });
}

describe('docs/config-file.md', () => {
  const text = textOf('docs/config-file.md');

  it('explains every key, and no other', () => {
    const keys = keysIn(configJsonSchema() as Node, '').filter((key) => key.includes('.'));
    const explained = [...text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, key]) => key);
    expect(explained).to.have.members(keys);
  });

  it('shows files that can be read', () => {
    const files = [...text.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, json = '']) => json);
    expect(files.length).to.be.greaterThan(0);
    for (const file of files)
      expect(parseConfig(file, { env: { UPSTREAM_AUTHORIZATION: 'x' } }).smart.version).to.equal(1);
  });
});

describe('docs/tools.md', () => {
  it('explains every code of advice, and no other', () => {
    const sources = ['audience', 'endpoints', 'people', 'scopes', 'operation', 'live'].map((name) =>
      textOf(`src/config-file/advice/${name}.ts`),
    );
    const codes = new Set(
      sources.flatMap((source) =>
        [...source.matchAll(/(?:code: |danger\(\s*[^,]+,\s*)'([a-z-]+)'/g)].map(([, code = '']) => code),
      ),
    );
    expect(codes.size).to.be.greaterThan(35);
    const section =
      textOf('docs/tools.md')
        .split(/^## /m)
        .find((part) => part.startsWith('check')) ?? '';
    expect([...section.matchAll(/^\| `([^`]+)` +\|/gm)].map(([, code]) => code)).to.have.members([...codes]);
  });
});
