import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { compile, createProject, install } from './project.js';
import type { Tarball } from './tarball.js';
import { packTarball, root, run } from './tarball.js';

/**
 * Empty projects that use the package from its tarball, outside this directory, so that nothing here can be found by
 * accident. The tarball is laid out as npm does it, and what it depends on is linked from here: no network is needed.
 * With PACKAGE_INSTALL=npm, `npm install` does it instead, from the registry; .ci/run does so.
 */
describe('a packed tarball', function () {
  this.timeout(240_000);
  let directory: string;
  let tarball: Tarball;
  /** What each project said. All start at once: compiling is most of the work, and there is more than one core. */
  let tried: {
    readonly module: Promise<Outcome>;
    readonly commonjs: Promise<Outcome>;
  };

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'smart-fhir-authz-'));
    tarball = await packTarball();
    tried = {
      module: tryProject(tarball, directory, 'module'),
      commonjs: tryProject(tarball, directory, 'commonjs'),
    };
    // Each is awaited by its test; until then a failure is not unhandled.
    await Promise.allSettled(Object.values(tried));
  });

  after(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  for (const [name, type] of [
    ['an ES module project', 'module'],
    ['a CommonJS project', 'commonjs'],
  ] as const) {
    it(`installs into ${name}, compiles there and runs`, async () => {
      const { compiled, printed, subpaths } = await tried[type];
      expect(compiled, 'what tsc says').to.equal('');
      expect(JSON.parse(printed)).to.deep.equal({ kept: ['hers'], total: 1, refused: true, key: 'scopeKey' });
      expect(subpaths.trim().split('\n')).to.have.members(subpathsOf(tarball).map((each) => `${each} exports`));
    });
  }
});

interface Outcome {
  readonly compiled: string;
  readonly printed: string;
  readonly subpaths: string;
}

async function tryProject(tarball: Tarball, directory: string, type: 'module' | 'commonjs'): Promise<Outcome> {
  const project = createProject(join(directory, type), type, { 'subpaths.ts': importEverySubpath(tarball) });
  cpSync(join(root, 'test', 'consumers', 'program.ts'), join(project, 'program.ts'));
  await install(tarball, project);
  const compiled = await compile(project);
  const [program, subpaths] = await Promise.all(
    ['program.js', 'subpaths.js'].map((file) => run(process.execPath, [join(project, file)])),
  );
  return { compiled, printed: program?.stdout ?? '', subpaths: subpaths?.stdout ?? '' };
}

function subpathsOf({ manifest }: Tarball): string[] {
  const subpaths = Object.keys(manifest.exports).filter((subpath) => !subpath.endsWith('.json'));
  return subpaths.map((subpath) => `${manifest.name}${subpath.slice(1)}`);
}

function importEverySubpath(tarball: Tarball): string {
  const lines = subpathsOf(tarball).flatMap((specifier, index) => [
    `import * as subpath${index} from '${specifier}';`,
    `if (Object.keys(subpath${index}).length > 0) console.log('${specifier} exports');`,
  ]);
  return `${lines.join('\n')}\n`;
}
