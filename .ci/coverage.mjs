// npm run coverage: compiles src and test with tsc into .cache/coverage (on code that tsx transforms the figures are wrong),
// runs the tests there under c8 and writes the report to coverage/. The tests about the repository itself stay out.
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const built = join(root, '.cache', 'coverage');

function node(script, ...args) {
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules', script), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = 1;
}

rmSync(built, { recursive: true, force: true });
// The tests read files, and start programs, by their places in the repository: all of it lies around the compiled code.
const around = ['.ci', 'docs', 'src', 'test', 'README.md', 'package.json', 'tsconfig.json'];
for (const path of around) cpSync(join(root, path), join(built, path), { recursive: true });
symlinkSync(join(root, 'node_modules'), join(built, 'node_modules'), 'dir');
writeFileSync(join(built, '.mocharc.json'), '{ "timeout": 60000, "reporter": "dot" }\n');
node('typescript/bin/tsc', '-p', '.ci/tsconfig.coverage.json');
node(
  'c8/bin/c8.js',
  '--reporter=text-summary',
  '--reporter=html',
  '--reporter=json-summary',
  '--exclude-after-remap',
  '--include=src/**',
  '--exclude=src/fhir/generator/**',
  '--exclude=src/fhir/data/**',
  process.execPath,
  'node_modules/mocha/bin/mocha.js',
  '--config=.cache/coverage/.mocharc.json',
  // A test that fails may leave a server open.
  '--exit',
  // What the generator writes is looked at as TypeScript.
  '--ignore=.cache/coverage/test/fhir/generator/published-data.test.js',
  '.cache/coverage/test/**/*.test.js',
);
