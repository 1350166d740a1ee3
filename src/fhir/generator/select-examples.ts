import { parseJson } from './read-tarball.js';
import type { ArchiveFile } from './read-tarball.js';

/** An official example resource, as published. */
export interface Example {
  /** `Patient-example.json` */
  readonly file: string;
  readonly content: Buffer;
  readonly resourceType: string;
}

/** Larger files are taken only where a type has no smaller one. */
const LARGE = 20_000;
const PER_TYPE = 2;
/** What the patient of most examples has, beyond the two of each type; as many as the number says. */
const ABOUT_THE_PATIENT = new Map([
  ['Condition', 4],
  ['Encounter', 3],
  ['Observation', 8],
  ['Procedure', 3],
]);

/** The example in a package's file; undefined for what is no resource. */
export function exampleOf({ path, content }: ArchiveFile): Example | undefined {
  const file = path.slice(path.lastIndexOf('/') + 1);
  if (!file.endsWith('.json') || file === 'package.json' || file.startsWith('.')) return undefined;
  const { resourceType } = parseJson(content) as { resourceType: string };
  return { file, content, resourceType };
}

/** `X/example` before the others, small before large. */
function order(a: Example, b: Example): number {
  const rank = ({ file, resourceType, content }: Example): number =>
    content.length > LARGE ? 2 : file === `${resourceType}-example.json` ? 0 : 1;
  return rank(a) - rank(b) || a.content.length - b.content.length || (a.file < b.file ? -1 : 1);
}

const aboutThePatient = ({ content }: Example): boolean =>
  /"(?:subject|patient)"\s*:\s*\{\s*"reference"\s*:\s*"Patient\/example"/.test(content.toString('utf8'));

/** A small sample: two of each type, and some more about Patient/example. */
export function selectExamples(examples: readonly Example[]): Example[] {
  const byType = new Map<string, Example[]>();
  for (const example of [...examples].sort(order)) {
    const known = byType.get(example.resourceType);
    if (known === undefined) byType.set(example.resourceType, [example]);
    else known.push(example);
  }
  const selected = new Set<Example>();
  for (const [type, ofType] of byType) {
    const small = ofType.filter(({ content }, i) => i === 0 || content.length <= LARGE);
    for (const example of small.slice(0, PER_TYPE)) selected.add(example);
    const more = small.filter(aboutThePatient).slice(0, ABOUT_THE_PATIENT.get(type) ?? 0);
    for (const example of more) selected.add(example);
  }
  return [...selected].sort((a, b) => (a.file < b.file ? -1 : 1));
}
