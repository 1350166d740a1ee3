// Mocha's dot reporter, which also adds its totals as one JSON line to the file that MOCHA_TOTALS names, so that a run of
// several suites can be summed: {"passed":3,"failed":0,"skipped":[{"title":"suite, test","file":"…"}]}
import { appendFileSync } from 'node:fs';
import { reporters, Runner } from 'mocha';

const { EVENT_RUN_END, EVENT_TEST_PENDING } = Runner.constants;

export default class TotalsReporter extends reporters.Dot {
  static description = 'dot matrix, and the totals added to the file that MOCHA_TOTALS names';

  constructor(runner, options) {
    super(runner, options);
    const skipped = [];
    runner.on(EVENT_TEST_PENDING, (test) => skipped.push({ title: test.titlePath().join(', '), file: test.file }));
    runner.once(EVENT_RUN_END, () => {
      const file = process.env.MOCHA_TOTALS;
      if (!file) return;
      const { passes, failures } = this.stats;
      appendFileSync(file, `${JSON.stringify({ passed: passes, failed: failures, skipped })}\n`);
    });
  }
}
