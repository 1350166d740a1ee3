// Compiles the library as the package is compiled, with the benchmarks, and runs them by plain Node: no loader in between.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function run(args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

run(['node_modules/typescript/bin/tsc', '-p', '.ci/tsconfig.bench.json']);
run(['--expose-gc', '.cache/bench/build/test/bench/main.js', ...process.argv.slice(2)]);
