// Fetches the official FHIR definitions and writes src/fhir/data, and a sample of the official examples for the tests.
// Run by `npm run generate`; not part of the package.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readDefinitions } from './definitions.js';
import { fetchPackage } from './fetch-package.js';
import { generateModules } from './generate-modules.js';
import { RELEASES } from './packages.js';
import { readTarball } from './read-tarball.js';
import { exampleOf, selectExamples } from './select-examples.js';
import type { Example } from './select-examples.js';
import { writeExamples, writeModules } from './write-output.js';

const DATA = fileURLToPath(new URL('../data/', import.meta.url));
const EXAMPLES = fileURLToPath(new URL('../../../test/examples/', import.meta.url));

for (const release of RELEASES) {
  const tarball = await fetchPackage(release.source);
  const modules = generateModules(release, await readDefinitions(tarball));
  await writeModules(join(DATA, release.folder), modules);
  console.log(`${release.folder}: ${modules.map(({ file, entries }) => `${entries} in ${file}`).join(', ')}`);

  if (release.fhirVersion !== '4.0.1') continue;
  const examples: Example[] = [];
  for await (const file of readTarball(tarball)) {
    const example = exampleOf(file);
    if (example !== undefined) examples.push(example);
  }
  const selected = selectExamples(examples);
  await writeExamples(join(EXAMPLES, release.folder), release.source, selected);
  console.log(`${release.folder}: ${selected.length} of ${examples.length} examples`);
}
