// Sums the totals that .ci/totals-reporter.mjs wrote and prints them as the last line of a run:
//   node .ci/sum-totals.mjs TOTALS_FILE FAILED_STEPS
// A step that failed without a test of its own (lint, build, …) counts as one failure.
import { existsSync, readFileSync } from 'node:fs';

const [file, failedSteps = '0'] = process.argv.slice(2);
const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
let passed = 0;
let failed = Number(failedSteps);
let skipped = 0;
for (const line of lines) {
  const totals = JSON.parse(line);
  passed += totals.passed;
  failed += totals.failed;
  skipped += totals.skipped.length;
}
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
