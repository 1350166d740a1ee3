import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Tarball } from './tarball.js';
import { root, run, writeFiles } from './tarball.js';

/** An empty project of a module kind, with TypeScript set up and the files given. */
export function createProject(
  directory: string,
  type: 'module' | 'commonjs',
  files: Readonly<Record<string, string>>,
): string {
  writeFiles(directory, {
    'package.json': JSON.stringify({ name: 'consumer', private: true, type }),
    'tsconfig.json': JSON.stringify({
      // The interface's own declarations need skipLibCheck on TypeScript 6.
      compilerOptions: { module: 'nodenext', target: 'es2022', strict: true, skipLibCheck: true, types: [] },
      include: ['*.ts'],
    }),
    ...files,
  });
  return directory;
}

/** Installs the tarball with what it depends on, and with every peer: by npm where PACKAGE_INSTALL=npm, else by links. */
export async function install(tarball: Tarball, project: string): Promise<void> {
  if (process.env['PACKAGE_INSTALL'] !== 'npm') {
    link(tarball, project);
    return;
  }
  const peers = Object.entries(tarball.manifest.peerDependencies ?? {}).map(([name, range]) => `${name}@${range}`);
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund'];
  await run('npm', ['install', ...flags, tarball.file, ...peers], { cwd: project });
}

/** Lays the tarball out as npm does it, and links what it depends on, and what else is named, from here. */
export function link(tarball: Tarball, project: string, others: readonly string[] = []): void {
  const { name, dependencies, peerDependencies = {} } = tarball.manifest;
  const modules = join(project, 'node_modules');
  cpSync(tarball.unpacked, join(modules, name), { recursive: true });
  for (const dependency of [...Object.keys(dependencies), ...Object.keys(peerDependencies), ...others]) {
    const target = join(root, 'node_modules', dependency);
    if (!existsSync(target)) throw new Error(`${dependency} is not installed: run npm ci`);
    const place = join(modules, dependency);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(target, place, 'dir');
  }
}

/** Compiles a project where its files are. What tsc says: nothing, if all is well. */
export async function compile(project: string): Promise<string> {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  try {
    const { stdout } = await run(process.execPath, [tsc, '-p', project]);
    return stdout;
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}
