// npm run coverage: compiles src and test with tsc into .cache/coverage (on code that tsx transforms the figures are wrong),
// runs the tests there under c8 and writes the report to coverage/. The tests about the repository itself stay out.
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const built = join(root, '.cache', 'coverage');
const node = (script, ...args) =>
  execFileSync(process.execPath, [join(root, 'node_modules', script), ...args], { cwd: root, stdio: 'inherit' });

rmSync(built, { recursive: true, force: true });
// What the tests read: everything but TypeScript.
for (const folder of ['test', 'src', 'docs']) {
  cpSync(join(root, folder), join(built, folder), { recursive: true, filter: (path) => !path.endsWith('.ts') });
}
cpSync(join(root, 'package.json'), join(built, 'package.json'));
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
  '.cache/coverage/test/**/*.test.js',
);
