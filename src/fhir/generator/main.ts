// Fetches the official FHIR definitions and writes src/fhir/data. Run by `npm run generate`; not part of the package.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readDefinitions } from './definitions.js';
import { buildModel } from './element-model.js';
import { fetchPackage } from './fetch-package.js';
import { listReferences } from './list-references.js';
import { listResourceTypes } from './list-resource-types.js';
import { RELEASES } from './packages.js';
import { dataModule, writeModule } from './write-data.js';

const DATA = fileURLToPath(new URL('../data/', import.meta.url));

for (const release of RELEASES) {
  const { structures } = await readDefinitions(await fetchPackage(release.source));
  const model = buildModel(structures);
  const folder = join(DATA, release.folder);

  const types = listResourceTypes(release.fhirVersion, model);
  await writeModule(
    folder,
    'resource-types.ts',
    dataModule(release, ['The concrete resource types.'], 'RESOURCE_TYPES', types),
  );

  const references = listReferences(model);
  await writeModule(
    folder,
    'references.ts',
    dataModule(
      release,
      [
        'Every element that is a reference or leads to one; list-references.ts says how to read a line:',
        '`path > targets` (`*` for any), `path : datatype`, `path = path of the same elements`.',
      ],
      'REFERENCES',
      references,
    ),
  );
  console.log(`${release.folder}: ${types.length} resource types, ${references.length} reference lines`);
}
