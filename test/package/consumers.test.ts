import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import type { Tarball } from './tarball.js';
import { packTarball, root, run, writeFiles } from './tarball.js';

/**
 * Empty projects that use the package from its tarball, outside this directory, so that nothing here can be found by
 * accident. The tarball is laid out as npm does it, and what it depends on is linked from here: no network is needed.
 * With PACKAGE_INSTALL=npm, `npm install` does it instead, from the registry; .ci/run does so.
 */
describe('a packed tarball', function () {
  this.timeout(240_000);
  let tarball: Tarball;
  let directory: string;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'smart-fhir-authz-'));
    tarball = await packTarball();
  });

  after(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  for (const [name, type] of [
    ['an ES module project', 'module'],
    ['a CommonJS project', 'commonjs'],
  ] as const) {
    it(`installs into ${name}, compiles there and runs`, async () => {
      const project = join(directory, type);
      writeFiles(project, {
        'package.json': JSON.stringify({ name: 'consumer', private: true, type }),
        'tsconfig.json': JSON.stringify({
          // The interface's own declarations need skipLibCheck on TypeScript 6.
          compilerOptions: { module: 'nodenext', target: 'es2022', strict: true, skipLibCheck: true, types: [] },
          files: ['program.ts', 'subpaths.ts'],
        }),
        'subpaths.ts': importEverySubpath(tarball),
      });
      cpSync(join(root, 'test', 'consumers', 'program.ts'), join(project, 'program.ts'));
      await install(tarball, project);

      const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
      const compiled = await run(process.execPath, [tsc, '-p', project]).catch((error: unknown) => error);
      expect((compiled as { stdout: string }).stdout, 'what tsc says').to.equal('');

      const { stdout } = await run(process.execPath, [join(project, 'program.js')]);
      expect(JSON.parse(stdout)).to.deep.equal({ kept: ['hers'], total: 1, refused: true, key: 'scopeKey' });
      const subpaths = await run(process.execPath, [join(project, 'subpaths.js')]);
      expect(subpaths.stdout.trim().split('\n')).to.have.members(subpathsOf(tarball).map((each) => `${each} exports`));
    });
  }
});

function subpathsOf({ manifest }: Tarball): string[] {
  const subpaths = Object.keys(manifest.exports).filter((subpath) => subpath !== './package.json');
  return subpaths.map((subpath) => `${manifest.name}${subpath.slice(1)}`);
}

function importEverySubpath(tarball: Tarball): string {
  const lines = subpathsOf(tarball).flatMap((specifier, index) => [
    `import * as subpath${index} from '${specifier}';`,
    `if (Object.keys(subpath${index}).length > 0) console.log('${specifier} exports');`,
  ]);
  return `${lines.join('\n')}\n`;
}

async function install(tarball: Tarball, project: string): Promise<void> {
  const peers = Object.keys(tarball.manifest.peerDependencies ?? {});
  if (process.env['PACKAGE_INSTALL'] === 'npm') {
    const specs = peers.map((peer) => `${peer}@${tarball.manifest.peerDependencies?.[peer] ?? 'latest'}`);
    await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarball.file, ...specs], {
      cwd: project,
    });
    return;
  }
  const modules = join(project, 'node_modules');
  cpSync(tarball.unpacked, join(modules, tarball.manifest.name), { recursive: true });
  for (const dependency of [...Object.keys(tarball.manifest.dependencies), ...peers]) {
    const link = join(modules, dependency);
    const target = join(root, 'node_modules', dependency);
    expect(existsSync(target), `${dependency} is installed here`).to.equal(true);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(target, link, 'dir');
  }
}
