import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { configJsonSchema } from '../../src/config-file/json-schema.js';

describe('the JSON Schema of the configuration file', () => {
  it('is committed as the schemas say it: `npx tsx .ci/config-schema.mjs` writes it', () => {
    const committed = readFileSync(new URL('../../src/config-file/config.schema.json', import.meta.url), 'utf8');
    expect(JSON.parse(committed)).to.deep.equal(configJsonSchema());
  });

  it('describes every key, so that editors can', () => {
    const undescribed: string[] = [];
    const visit = (node: unknown, path: string): void => {
      if (typeof node !== 'object' || node === null) return;
      const { properties } = node as { readonly properties?: Readonly<Record<string, object>> };
      for (const [name, property] of Object.entries(properties ?? {})) {
        if (!('description' in property)) undescribed.push(`${path}.${name}`);
      }
      for (const [name, member] of Object.entries(node)) visit(member, `${path}.${name}`);
    };
    visit(configJsonSchema(), '');
    expect(undescribed).to.deep.equal([]);
  });
});
