// Builds dist/esm and dist/cjs with two plain tsc passes.
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));

rmSync(`${root}dist`, { recursive: true, force: true });
for (const shape of ['esm', 'cjs']) {
  execFileSync(process.execPath, [tsc, '-p', `.ci/tsconfig.${shape}.json`], { cwd: root, stdio: 'inherit' });
}
// The package is "type": "module"; this marker makes Node read dist/cjs as CommonJS.
writeFileSync(`${root}dist/cjs/package.json`, '{"type":"commonjs"}\n');
