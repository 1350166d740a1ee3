import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { rightAnswer, sideBySide } from './expected-answer.js';
import type { RecordedCase } from './recorded-case.js';
import { readCases, readDifferences } from './recorded-case.js';
import { RecordedIssuer } from './recorded-issuer.js';
import type { Outcome } from './replay-case.js';
import { replayCase } from './replay-case.js';

describe('recorded behaviour of fhir-works-on-aws-authz-smart 3.1.4', () => {
  const issuer = new RecordedIssuer();
  const cases = readCases();
  const differences = readDifferences();
  const byId = new Map(differences.flatMap((difference) => difference.ids.map((id) => [id, difference])));

  before(() => issuer.start());
  after(() => issuer.stop());

  for (const [file, ofFile] of cases) {
    describe(file, () => {
      for (const recorded of ofFile) {
        const difference = byId.get(recorded.id);
        const title = `${recorded.id} ${recorded.op}${recorded.name === undefined ? '' : `: ${recorded.name}`}`;
        it(difference ? `${title} (differs on purpose: ${difference.name})` : title, async () => {
          const outcome = await (recorded.isolated ? replayAlone(recorded) : replayCase(recorded, issuer));
          const { actual, expected } = sideBySide(recorded, rightAnswer(recorded), outcome);
          if (!difference) {
            expect(actual).to.deep.equal(expected);
            return;
          }
          expect(isDeepStrictEqual(actual, expected), 'still differs').to.equal(false);
          const answer = difference.answers[recorded.id];
          if (!answer) throw new Error(`differences.json does not say what ${recorded.id} is answered`);
          const declared = sideBySide(recorded, answer, outcome);
          expect(declared.actual).to.deep.equal(declared.expected);
        });
      }
    });
  }

  it('differs in nothing that the migration guide does not name', () => {
    const guide = readFileSync(new URL('../../docs/migration.md', import.meta.url), 'utf8');
    const quirks = [...cases.values()].flat().flatMap(({ tags = [] }) => tags);
    const tagged = quirks.filter((tag) => tag.startsWith('upstream-quirk:')).map((tag) => tag.split(':')[1]);
    const names = new Set([...tagged, ...differences.map(({ name }) => name)]);
    expect([...names].filter((name) => !guide.includes(`\`${name}\``))).to.deep.equal([]);
  });

  it('has all 1,499 cases, and lists differences of cases that exist, each once and with its reason', () => {
    const ids = [...cases.values()].flat().map(({ id }) => id);
    expect(new Set(ids).size).to.equal(1499);
    const listed = differences.flatMap((difference) => difference.ids);
    expect(listed).to.have.lengthOf(new Set(listed).size);
    for (const { name, ids: own, reason, answers } of differences) {
      expect(ids, name).to.include.members([...own]);
      expect(Object.keys(answers), name).to.have.members([...own]);
      expect(reason, name).to.have.length.greaterThan(40);
    }
  });
});

/** In a child: a case that ends its process has an outcome too. */
async function replayAlone(recorded: RecordedCase): Promise<Outcome> {
  const script = fileURLToPath(new URL('replay-alone.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.end(JSON.stringify(recorded));
  const output = await text(child.stdout);
  return output === ''
    ? { error: { name: 'ProcessCrash', isUnauthorizedError: false } }
    : (JSON.parse(output) as Outcome);
}
