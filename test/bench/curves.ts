// The curves: cost against entries, and against the number of scopes.
import { granularScopes, handlerFor, identityOf, scopesFor, searchset } from './clinic.js';
import { timeBundles } from './filter.js';
import { matchers } from './matching.js';
import type { Line, Plot } from './plot.js';
import type { Effort } from './rounds.js';
import { cpuTime, median } from './rounds.js';

const ENTRIES = [10, 30, 100, 300, 1_000, 3_000, 10_000];
const SCOPES = [1, 2, 5, 10, 20, 40, 80, 150];

export async function entriesCurve(effort: Effort): Promise<Plot> {
  const sides = [
    { name: 'a patient, 2 scopes', caller: 'patient', scopes: scopesFor('patient', 2) },
    { name: 'a patient, 40 scopes', caller: 'patient', scopes: scopesFor('patient', 40) },
    { name: 'a patient, 4 granular scopes', caller: 'patient', scopes: granularScopes('patient').granular },
    { name: 'a system, 2 scopes', caller: 'system', scopes: scopesFor('system', 2) },
  ] as const;
  const judgings = sides.map(({ caller, scopes }) => ({
    handler: handlerFor(caller),
    identity: identityOf(caller, scopes),
  }));
  const lines = ['JSON.parse of the Bundle', ...sides.map(({ name }) => name), 'medplum, one search a resource'].map(
    (name) => ({ name, points: [] as [number, number][] }),
  );
  for (const entries of ENTRIES) {
    const json = searchset(entries);
    const times = await timeBundles(json, entries, judgings, effort);
    const all = [...times.map(median), matchingTime(json, effort)];
    all.forEach((time, index) => lines[index]!.points.push([entries, time / 1000]));
  }
  return { title: 'Filtering a searchset', x: 'entries', y: 'milliseconds', logarithmic: true, lines };
}

/** One constraint of a granular scope by matchesSearchRequest, for each Observation of the Bundle and no other entry. */
function matchingTime(json: string, { rounds }: Effort): number {
  const matches = matchers()[1]![2];
  const times: number[] = [];
  for (let round = -1; round < Math.min(rounds, 7); round += 1) {
    const { entry } = JSON.parse(json) as {
      readonly entry: readonly { readonly resource: { resourceType: string } }[];
    };
    const observations = entry.map(({ resource }) => resource).filter((each) => each.resourceType === 'Observation');
    const start = cpuTime();
    observations.forEach(matches);
    if (round >= 0) times.push(cpuTime() - start);
  }
  return median(times);
}

export async function scopesCurve(effort: Effort): Promise<Plot> {
  const entries = 1_000;
  const json = searchset(entries);
  const callers = ['patient', 'practitioner', 'admin', 'system'] as const;
  const lines: Line[] = [];
  for (const caller of callers) {
    const handler = handlerFor(caller);
    const judgings = SCOPES.map((count) => ({ handler, identity: identityOf(caller, scopesFor(caller, count)) }));
    const [parse = [], ...times] = await timeBundles(json, entries, judgings, {
      ...effort,
      entries: effort.entries * 4,
    });
    const points = times.map((side, index) => [SCOPES[index] ?? 0, median(side) / median(parse)] as const);
    lines.push({ name: `a ${caller}`.replace('a admin', 'an admin'), points });
  }
  return {
    title: 'Filtering 1,000 entries, beside JSON.parse of them',
    x: 'scopes of the token',
    y: 'part of the time of JSON.parse',
    logarithmic: false,
    lines,
  };
}
