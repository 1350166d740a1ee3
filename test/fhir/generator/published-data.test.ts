import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { readDefinitions } from '../../../src/fhir/generator/definitions.js';
import { fetchPackage } from '../../../src/fhir/generator/fetch-package.js';
import { generateModules } from '../../../src/fhir/generator/generate-modules.js';
import { RELEASES } from '../../../src/fhir/generator/packages.js';
import { FHIR_VERSIONS } from '../../../src/fhir/version.js';
import { ALL_EXAMPLES } from '../official-examples.js';

const DATA = new URL('../../../src/fhir/data/', import.meta.url);

describe('fhir/data', () => {
  it('covers every version and holds nothing else', () => {
    expect(RELEASES.map(({ fhirVersion }) => fhirVersion)).to.deep.equal(FHIR_VERSIONS);
    expect(readdirSync(DATA).sort()).to.deep.equal(RELEASES.map(({ folder }) => folder).sort());
  });

  for (const { fhirVersion, folder, source } of RELEASES) {
    const path = new URL(`${folder}/`, DATA);

    it(`records package, version and checksums in every module of ${folder}, a line an entry`, () => {
      const files = readdirSync(path);
      expect(files).to.have.members(['resource-types.ts', 'references.ts', 'compartments.ts', 'search-parameters.ts']);
      for (const file of files) {
        const lines = readFileSync(new URL(file, path), 'utf8').split('\n');
        expect(lines.slice(1, 4)).to.deep.equal([
          `// FHIR ${fhirVersion}, from the npm package ${source.name}@${source.version} (${source.license})`,
          `// ${source.integrity}`,
          `// shasum ${source.shasum}`,
        ]);
        const entries = lines.slice(lines.findIndex((line) => line.endsWith('= `')) + 1, lines.indexOf('`;'));
        expect(entries.length).to.be.greaterThan(100);
        expect(new Set(entries).size, file).to.equal(entries.length);
      }
    });

    it(`is what the official definitions of ${folder} generate`, async function () {
      if (!ALL_EXAMPLES) this.skip();
      this.timeout(120_000);
      const definitions = await readDefinitions(await fetchPackage(source));
      for (const { file, text } of generateModules({ fhirVersion, folder, source }, definitions)) {
        expect(readFileSync(new URL(file, path), 'utf8') === text, file).to.equal(true);
      }
    });
  }
});
