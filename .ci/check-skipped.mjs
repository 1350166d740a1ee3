// Fails if the last run that a totals file tells of left out a test that it must not: node .ci/check-skipped.mjs TOTALS_FILE
// Tests over all official examples are left out unless ALL_EXAMPLES=1 asks for them; their files say so, and .ci/run runs
// them on their own. For every other test everything that it may want is installed in CI.
import { readFileSync } from 'node:fs';

const last = readFileSync(process.argv[2], 'utf8').trimEnd().split('\n').at(-1);
const mayBeLeftOut = ({ file }) =>
  process.env.ALL_EXAMPLES !== '1' && readFileSync(file, 'utf8').includes('ALL_EXAMPLES');
const wrongly = JSON.parse(last).skipped.filter((test) => !mayBeLeftOut(test));
for (const { title } of wrongly) process.stdout.write(`!!! skipped: ${title}\n`);
process.exit(wrongly.length > 0 ? 1 : 0);
