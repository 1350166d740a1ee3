// Rows about Bundles: what filtering and judging cost beside reading the same Bundle.
import type { KeyValueMap } from 'fhir-works-on-aws-interface';
import type { SMARTHandler } from '../../src/index.js';
import { CALLERS, granularScopes, handlerFor, identityOf, scopesFor, searchset, transaction } from './clinic.js';
import type { CallerName } from './clinic.js';
import type { Result } from './result.js';
import { timed } from './result.js';
import type { Effort } from './rounds.js';
import { comparisonOf, cpuTime } from './rounds.js';

export async function filterBundle(handler: SMARTHandler, userIdentity: KeyValueMap, bundle: unknown): Promise<number> {
  const filtered = (await handler.authorizeAndFilterReadResponse({
    operation: 'search-type',
    userIdentity,
    readResponse: bundle,
  })) as { readonly entry: readonly unknown[] };
  return filtered.entry.length;
}

interface Judging {
  readonly handler: SMARTHandler;
  readonly identity: KeyValueMap;
}

const WARM_ENTRIES = 80_000;

/** Makes of a Bundle what is judged; what it returns is timed. */
type Work = (judging: Judging, bundle: unknown) => () => Promise<unknown>;

const filtering: Work =
  ({ handler, identity }, bundle) =>
  () =>
    filterBundle(handler, identity, bundle);

/**
 * Microseconds for one Bundle: of JSON.parse, and of each judging, of Bundles fresh from the parser, as a server has
 * them. One list a side, one number a round.
 */
export async function timeBundles(
  json: string,
  entries: number,
  judgings: readonly Judging[],
  effort: Effort,
  work: Work = filtering,
): Promise<readonly (readonly number[])[]> {
  const bundles = Math.max(1, Math.round(effort.entries / entries / judgings.length));
  const times: number[][] = Array.from({ length: judgings.length + 1 }, () => []);
  // So that the compiler is done with it, whatever the size.
  for (let warm = 0; warm < WARM_ENTRIES; warm += entries * 8) {
    const parsed: unknown = JSON.parse(json);
    for (let time = 0; time < 8; time += 1) for (const judging of judgings) await work(judging, parsed)();
  }
  for (let round = -3; round < effort.rounds; round += 1) {
    const totals = times.map(() => 0);
    for (let bundle = 0; bundle < bundles; bundle += 1) {
      for (let each = 0; each < judgings.length; each += 1) {
        const side = (each + bundle + round + 3) % judgings.length;
        const start = cpuTime();
        const parsed: unknown = JSON.parse(json);
        const end = cpuTime();
        const judge = work(judgings[side]!, parsed);
        const begin = cpuTime();
        await judge();
        totals[side + 1]! += cpuTime() - begin;
        totals[0]! += (end - start) / judgings.length;
      }
    }
    if (round >= 0) totals.forEach((total, side) => times[side]!.push(total / bundles));
  }
  return times;
}

const NAMES: Readonly<Record<CallerName, string>> = {
  patient: 'a patient',
  practitioner: 'a practitioner',
  admin: 'an admin',
  system: 'a system',
};

/** Filtering for every caller and size, with 2 and with 40 scopes, with and without granular ones. */
export async function filterRows(effort: Effort): Promise<Result[]> {
  const rows: Result[] = [];
  // What is measured first in a process comes out too slow: heap and compiled code are still growing.
  const first = CALLERS.map((caller) => ({
    handler: handlerFor(caller),
    identity: identityOf(caller, scopesFor(caller, 2)),
  }));
  await timeBundles(searchset(100), 100, first, effort);
  for (const entries of effort.sizes) {
    const json = searchset(entries);
    for (const caller of CALLERS) {
      const handler = handlerFor(caller);
      const [two, forty] = [2, 40].map((count) => ({
        handler,
        identity: identityOf(caller, scopesFor(caller, count)),
      }));
      const { granular, plain } = granularScopes(caller);
      const [constrained, open] = [granular, plain].map((scopes) => ({
        handler,
        identity: identityOf(caller, scopes),
      }));
      const [parse = [], ...sides] = await timeBundles(json, entries, [two!, forty!, constrained!, open!], effort);
      const size = entries.toLocaleString('en-US');
      const what = `filter ${size} entries for ${NAMES[caller]}`;
      const id = `${caller}-${entries}`;
      rows.push(
        timed(`filter-${id}`, `${what}, 2 scopes`, 'JSON.parse of the Bundle', comparisonOf([sides[0]!, parse]), {
          must: 0.1,
          aim: 0.05,
        }),
        timed(`scopes-${id}`, `${what}, 40 scopes`, 'the same, 2 scopes', comparisonOf([sides[1]!, sides[0]!]), {
          must: 1.3,
          aim: 1.1,
        }),
        timed(
          `granular-${id}`,
          `${what}, 4 granular scopes`,
          'the same without the granular part',
          comparisonOf([sides[2]!, sides[3]!]),
          { must: 2, aim: 1.5 },
        ),
      );
    }
  }
  return rows;
}

const writing: Work = ({ handler, identity }, bundle) => {
  const requests = (bundle as { readonly entry: readonly Entry[] }).entry.map(requestOf);
  return () => handler.isBundleRequestAuthorized({ userIdentity: identity, requests });
};

interface Entry {
  readonly resource: { readonly resourceType: string; readonly id?: string };
  readonly request: { readonly method: string };
}

/** An entry as the router of FHIR Works hands it over. */
function requestOf({
  resource,
  request,
}: Entry): Parameters<SMARTHandler['isBundleRequestAuthorized']>[0]['requests'][0] {
  return {
    operation: request.method === 'POST' ? 'create' : 'update',
    resource,
    fullUrl: '',
    resourceType: resource.resourceType,
    id: resource.id ?? '',
  };
}

/** Judging the entries of a transaction. */
export async function transactionRows(effort: Effort, entries = 1_000): Promise<Result[]> {
  const json = transaction(entries);
  const judging = (['patient', 'system'] as const).map((caller) => ({
    handler: handlerFor(caller),
    identity: identityOf(caller, scopesFor(caller, 2)),
  }));
  const [parse = [], patient = [], system = []] = await timeBundles(json, entries, judging, effort, writing);
  const bound = { must: 0.1, aim: 0.05 };
  return [
    timed(
      'transaction-patient',
      'isBundleRequestAuthorized, 1,000 entries of a patient',
      'JSON.parse of the Bundle',
      comparisonOf([patient, parse]),
      bound,
    ),
    timed(
      'transaction-system',
      'isBundleRequestAuthorized, 1,000 entries of a system',
      'JSON.parse of the Bundle',
      comparisonOf([system, parse]),
      bound,
    ),
  ];
}
