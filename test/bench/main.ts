// npm run bench -- [--quick] [--only filter,tokens,…] [--json FILE] [--plots FOLDER] [--heap]
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { entriesCurve, scopesCurve } from './curves.js';
import { filterRows, transactionRows } from './filter.js';
import { heapRows } from './heap.js';
import { hostileRows } from './hostile.js';
import { matchingRows } from './matching.js';
import { svgOf } from './plot.js';
import type { Result } from './result.js';
import type { Effort } from './rounds.js';
import { serverRows } from './servers.js';
import { startupRows } from './startup.js';
import { tableOf } from './table.js';
import { tokenRows } from './tokens.js';

const FULL: Effort = { rounds: 25, entries: 4_000, sizes: [100, 1_000, 10_000] };
const QUICK: Effort = { rounds: 9, entries: 2_000, sizes: [100, 1_000] };

const GROUPS: Readonly<Record<string, (effort: Effort) => Promise<Result[]> | Result[]>> = {
  filter: (effort) => filterRows(effort),
  transaction: (effort) => transactionRows(effort),
  tokens: (effort) => tokenRows(effort),
  matching: (effort) => matchingRows(effort),
  hostile: (effort) => hostileRows(effort),
  startup: (effort) => startupRows({ ...effort, rounds: Math.min(effort.rounds, 15) }),
  servers: (effort) => serverRows({ ...effort, rounds: Math.min(effort.rounds, 11) }),
  heap: () => heapRows(),
};

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    heap: { type: 'boolean', default: false },
    json: { type: 'string', default: '.cache/bench/results.json' },
    plots: { type: 'string' },
  },
});
const effort = values.quick ? QUICK : FULL;
const all = Object.keys(GROUPS).filter((name) => name !== 'heap' || values.heap);
const names = values.only?.split(',') ?? all;
const results: Result[] = [];
for (const name of names) {
  const group = GROUPS[name];
  if (!group) throw new Error(`--only takes ${Object.keys(GROUPS).join(', ')}; not ${name}`);
  const rows = await group(effort);
  results.push(...rows);
  console.log(`${name}\n${tableOf(rows)}\n`);
}

const json = `${JSON.stringify({ node: process.version, date: new Date().toISOString(), results }, undefined, 2)}\n`;
if (values.json === '-') process.stdout.write(json);
else {
  mkdirSync(join(values.json, '..'), { recursive: true });
  writeFileSync(values.json, json);
}
if (values.plots !== undefined) {
  mkdirSync(values.plots, { recursive: true });
  writeFileSync(join(values.plots, 'cost-by-entries.svg'), svgOf(await entriesCurve(effort)));
  writeFileSync(join(values.plots, 'cost-by-scopes.svg'), svgOf(await scopesCurve(effort)));
}
