import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fetchPackage } from '../../src/fhir/generator/fetch-package.js';
import { RELEASES } from '../../src/fhir/generator/packages.js';
import { parseJson, readTarball } from '../../src/fhir/generator/read-tarball.js';

/** A resource of which only the type is known. */
export type ExampleResource = Readonly<Record<string, unknown>> & { readonly resourceType: string };

export interface OfficialExample {
  /** `Patient-example.json` */
  readonly file: string;
  readonly resource: ExampleResource;
}

/** Set ALL_EXAMPLES=1 to run the tests over every official example; the first run fetches 19 MB. */
export const ALL_EXAMPLES = process.env['ALL_EXAMPLES'] === '1';

const SAMPLE = new URL('../examples/r4/', import.meta.url);

function example(file: string, content: Buffer): OfficialExample {
  return { file, resource: parseJson(content) as ExampleResource };
}

/** The R4 examples that lie in this repository. */
export function sampleExamples(): OfficialExample[] {
  return readdirSync(fileURLToPath(SAMPLE))
    .filter((file) => file.endsWith('.json'))
    .map((file) => example(file, readFileSync(new URL(file, SAMPLE))));
}

/** All official R4 examples, one by one: fetched once with npm, verified, then read from .cache/fhir. */
export async function* allExamples(): AsyncGenerator<OfficialExample> {
  const r4 = RELEASES.find(({ fhirVersion }) => fhirVersion === '4.0.1');
  if (r4 === undefined) throw new Error('no R4 package');
  for await (const { path, content } of readTarball(await fetchPackage(r4.source))) {
    const file = path.slice('package/'.length);
    if (file.endsWith('.json') && file !== 'package.json' && !file.startsWith('.')) yield example(file, content);
  }
}

/** The sample, or all of them where ALL_EXAMPLES=1 asks for it. */
export async function* officialExamples(): AsyncGenerator<OfficialExample> {
  if (ALL_EXAMPLES) yield* allExamples();
  else yield* sampleExamples();
}
