// Builds dist/esm and dist/cjs with two plain tsc passes, side by side.
import { spawn } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));

function compile(shape) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [tsc, '-p', `.ci/tsconfig.${shape}.json`], { cwd: root, stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`tsc -p .ci/tsconfig.${shape}.json failed (${code ?? 'signal'})`));
    });
  });
}

rmSync(`${root}dist`, { recursive: true, force: true });
const failed = (await Promise.allSettled(['esm', 'cjs'].map(compile))).filter(({ status }) => status === 'rejected');
for (const { reason } of failed) process.stderr.write(`${reason.message}\n`);
if (failed.length > 0) process.exit(1);

// The package is "type": "module"; this marker makes Node read dist/cjs as CommonJS.
writeFileSync(`${root}dist/cjs/package.json`, '{"type":"commonjs"}\n');
// What is no TypeScript: the schema for editors, and the page of the explorer, which only the command serves.
copyFileSync(`${root}src/config-file/config.schema.json`, `${root}dist/config.schema.json`);
cpSync(`${root}src/explorer/page`, `${root}dist/esm/explorer/page`, { recursive: true });
// npm makes the commands of an installed package executable; this does it for a checkout.
if (existsSync(`${root}dist/esm/cli/main.js`)) chmodSync(`${root}dist/esm/cli/main.js`, 0o755);
