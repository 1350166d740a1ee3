// Resources of half a megabyte that somebody made to be slow.
import { handlerFor, identityOf } from './clinic.js';
import type { Result } from './result.js';
import { timed } from './result.js';
import type { Effort } from './rounds.js';
import { comparisonOf, cpuTime } from './rounds.js';

const SIZE = 500_000;

/** So many copies of a text, with commas, as make half a megabyte. */
const filled = (text: string): string =>
  Array.from({ length: Math.floor(SIZE / (text.length + 1)) }, () => text).join();

const nested = (open: string, close: string): string => {
  const levels = Math.floor(SIZE / (open.length + close.length));
  return `${open.repeat(levels)}{}${close.repeat(levels)}`;
};

const foreign = '{"reference":"Patient/p9999"}';
/** Looks like the caller for all but its last character. */
const near = '{"reference":"https://fhir.example.org/r4/Patient/p0/_history/1/"}';

/** By what they are: the type in the URL, and the resource in JSON. */
const HOSTILE: readonly (readonly [name: string, type: string, json: string])[] = [
  ['deep, an item in an item', 'QuestionnaireResponse', `{"item":${nested('[{"item":', '}]')}}`],
  ['deep, where nobody looks', 'Observation', `{"extension":${nested('[{"extension":', '}]')}}`],
  ['wide, empty objects in Contract.term', 'Contract', `{"term":[${filled('{}')}]}`],
  ['wide, references to another patient', 'Observation', `{"performer":[${filled(foreign)}]}`],
  ['wide, references that nearly fit', 'Observation', `{"focus":[${filled(near)}]}`],
  [
    'wide at every step of Contract.term.asset.context',
    'Contract',
    `{"term":[${filled(`{"asset":[{"context":[${Array(8).fill('{}').join()}]}]}`)}]}`,
  ],
  [
    'cyclic-looking, contained resources that refer to each other',
    'List',
    `{"contained":[${Array.from(
      { length: 5_000 },
      (_, n) => `{"resourceType":"List","id":"c${n}","entry":[{"item":{"reference":"#c${(n + 1) % 5_000}"}}]}`,
    ).join()}],"entry":[{"item":{"reference":"#c0"}}]}`,
  ],
];

export async function hostileRows({ rounds }: Effort): Promise<Result[]> {
  const handler = handlerFor('patient');
  const userIdentity = identityOf('patient', ['patient/*.cruds', 'openid']);
  const rows: Result[] = [];
  for (const [name, resourceType, members] of HOSTILE) {
    const json = `{"resourceType":"${resourceType}","id":"x",${members.slice(1)}`;
    const times: [number[], number[]] = [[], []];
    for (let round = -3; round < rounds; round += 1) {
      const start = cpuTime();
      const resource: unknown = JSON.parse(json);
      const between = cpuTime();
      const { decision } = await handler.decide({ operation: 'read', resourceType, id: 'x', userIdentity, resource });
      const end = cpuTime();
      if (decision !== 'deny') throw new Error(`${name}: was allowed`);
      if (round >= 0) {
        times[0].push(end - between);
        times[1].push(between - start);
      }
    }
    const id = `hostile-${rows.length + 1}`;
    rows.push(timed(id, `decide about 0.5 MB: ${name}`, 'JSON.parse of it', comparisonOf(times), { must: 2, aim: 1 }));
  }
  return rows;
}
