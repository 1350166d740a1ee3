// Mutation testing of one room on its own tests: node .ci/mutate.mjs scope|identity|access|token
// Of single files, on the tests that follow or on all of the room: node .ci/mutate.mjs access walk.ts test/access/walk.test.ts
// Stryker 10 wants Node 22 and mocha 11: both are installed beside the project, in .cache/mutation, at the first run.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tools = join(root, '.cache/mutation');
const room = process.argv[2] ?? '';

// The tests of a room, the quick tables first: a mutant is done with at the first test that fails. Braces alone are no
// pattern to mocha, which would leave those files out without a word.
const TESTS = {
  scope: ['test/scope/*.test.ts'],
  identity: ['test/identity/*.test.ts'],
  token: [
    'test/token/!(hostile|introspection|jwks|shared-answers|signature|verifier).test.ts',
    'test/token/@(verifier|introspection|jwks).test.ts',
    'test/token/@(shared-answers|signature).test.ts',
    'test/token/hostile.test.ts',
  ],
  access: [
    'test/access/!(cookbook|properties|search-narrowing|worked-example).test.ts',
    'test/access/query/!(properties).test.ts',
    'test/access/constraint/!(algebra|date-range|oracle).test.ts',
    'test/access/constraint/@(algebra|date-range).test.ts',
    'test/access/query/properties.test.ts',
    'test/access/@(cookbook|properties|search-narrowing|worked-example).test.ts',
  ],
};
const named = process.argv.slice(3);
const tests = named.filter((each) => each.endsWith('.test.ts'));
const files = named.filter((each) => !each.endsWith('.test.ts'));
if (!(room in TESTS)) {
  console.error(`usage: node .ci/mutate.mjs ${Object.keys(TESTS).join('|')} [FILE.ts…] [TEST.test.ts…]`);
  process.exit(2);
}

if (!existsSync(join(tools, 'node_modules/@stryker-mutator/core'))) {
  mkdirSync(tools, { recursive: true });
  writeFileSync(join(tools, 'package.json'), '{"private":true}\n');
  const wanted = [
    '@stryker-mutator/core@10',
    '@stryker-mutator/mocha-runner@10',
    'mocha@11',
    'typescript@6.0',
    'node@22',
  ];
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--legacy-peer-deps', ...wanted], {
    cwd: tools,
    stdio: 'inherit',
  });
}

const place = mkdtempSync(join(tmpdir(), 'mutate-'));
for (const file of execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
}).split('\n')) {
  // The runner finds its tests by its own options; the project's would add all others.
  if (file === '' || file === '.mocharc.json' || !existsSync(join(root, file))) continue;
  mkdirSync(join(place, dirname(file)), { recursive: true });
  cpSync(join(root, file), join(place, file));
}
mkdirSync(join(place, 'node_modules'));
for (const name of readdirSync(join(root, 'node_modules'))) {
  const from = name === 'mocha' ? join(tools, 'node_modules/mocha') : join(root, 'node_modules', name);
  symlinkSync(from, join(place, 'node_modules', name));
}
const options = {
  testRunner: 'mocha',
  plugins: [join(tools, 'node_modules/@stryker-mutator/mocha-runner/dist/src/index.js')],
  // Types only, and read as text by a test.
  mutate: [
    ...(files.length > 0 ? files : ['**/*.ts']).map((each) => `src/${room}/${each}`),
    '!src/**/*.d.ts',
    '!src/access/reason.ts',
  ],
  // Instrumented code is slow: what compares times is left out, and what asks for thousands of runs or for a server.
  mochaOptions: {
    spec: tests.length > 0 ? tests : TESTS[room],
    grep: '^(?!.*(hole-27a|about mutated tokens|an exact one finds|on Redis))',
  },
  testRunnerNodeArgs: ['--import', 'tsx'],
  coverageAnalysis: 'perTest',
  ignoreStatic: true,
  concurrency: files.length > 0 ? 1 : 2,
  timeoutMS: 10_000,
  reporters: ['clear-text', 'progress'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
};
writeFileSync(join(place, 'stryker.config.json'), JSON.stringify(options));

const { status } = spawnSync(
  join(tools, 'node_modules/node/bin/node'),
  [join(tools, 'node_modules/@stryker-mutator/core/bin/stryker.js'), 'run'],
  {
    cwd: place,
    stdio: 'inherit',
    // Few runs of a property kill what many kill, and each mutant pays for them.
    env: { ...process.env, PROPERTY_RUNS: process.env.PROPERTY_RUNS ?? '15' },
  },
);
rmSync(place, { recursive: true, force: true });
process.exit(status ?? 1);
