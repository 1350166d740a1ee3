import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataModule } from './generate-modules.js';
import type { DefinitionPackage } from './packages.js';
import type { Example } from './select-examples.js';

/** Writes the modules of one FHIR version into its folder. */
export async function writeModules(folder: string, modules: readonly DataModule[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { file, text } of modules) await writeFile(join(folder, file), text);
}

const readme = (source: DefinitionPackage): string => `# Official example resources

A sample of HL7's example resources, byte for byte as published in the npm package
\`${source.name}@${source.version}\` (licence ${source.license}, no rights reserved). \`npm run generate\` selects and
writes them; nothing here is edited by hand.

${source.integrity}
`;

/** Replaces a folder by the selected examples and a note of where they come from. */
export async function writeExamples(
  folder: string,
  source: DefinitionPackage,
  examples: readonly Example[],
): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'README.md'), readme(source));
  for (const { file, content } of examples) await writeFile(join(folder, file), content);
}
