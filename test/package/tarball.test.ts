import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import ts from 'typescript';
import type { Tarball } from './tarball.js';
import { packTarball, root } from './tarball.js';

/** What the package may hold: built code, docs, licence. */
const ALLOWED = [
  /^(?:package\.json|README\.md|CHANGELOG\.md|LICENSE)$/,
  /^docs\/[a-z0-9-]+\.md$/,
  /^docs\/images\/[a-z0-9-]+\.svg$/,
  /^dist\/(?:esm|cjs)\/[a-zA-Z0-9/-]+\.(?:js|d\.ts)$/,
  /^dist\/cjs\/package\.json$/,
  /^dist\/config\.schema\.json$/,
  /^dist\/esm\/explorer\/page\/[a-z-]+\.(?:html|css|mjs|svg)$/,
];

/** The entries that the package offers as soon as their source exists. */
const ENTRIES = {
  '.': 'src/index.ts',
  './backend-services': 'src/backend-services/index.ts',
  './oidc-provider': 'src/backend-services/oidc-provider.ts',
  './express': 'src/http/express.ts',
  './fastify': 'src/http/fastify.ts',
  './gateway': 'src/gateway/index.ts',
  './observe': 'src/observe/index.ts',
  './config-file': 'src/config-file/index.ts',
  './replay': 'src/replay/index.ts',
  './config.schema.json': 'src/config-file/config.schema.json',
};

describe('the package', function () {
  this.timeout(240_000);
  let tarball: Tarball;

  before(async () => {
    tarball = await packTarball();
  });

  it('holds built code, docs and licence, and nothing else', () => {
    expect(tarball.paths.filter((path) => !ALLOWED.some((allowed) => allowed.test(path)))).to.deep.equal([]);
    expect(tarball.paths).to.include.members(['README.md', 'CHANGELOG.md', 'LICENSE', 'docs/migration.md']);
  });

  it('holds the same modules for import and for require, each with its types', () => {
    const modules = (shape: string, ending: string): string[] =>
      tarball.paths
        .filter((path) => path.startsWith(`dist/${shape}/`) && path.endsWith(ending))
        .map((path) => path.slice(`dist/${shape}/`.length, -ending.length));
    const javascript = modules('esm', '.js');
    expect(javascript).to.include('handler');
    expect(modules('cjs', '.js')).to.deep.equal(javascript);
    expect(modules('esm', '.d.ts')).to.deep.equal(javascript);
    expect(modules('cjs', '.d.ts')).to.deep.equal(javascript);
  });

  it('holds nothing of the generator that reads the official definitions', () => {
    expect(tarball.paths.filter((path) => path.includes('generator'))).to.deep.equal([]);
  });

  it('exports every entry that has a source, and no other', () => {
    const expected = Object.entries(ENTRIES).filter(([, source]) => existsSync(join(root, source)));
    const subpaths = Object.keys(tarball.manifest.exports).filter((subpath) => subpath !== './package.json');
    expect(subpaths).to.have.members(expected.map(([subpath]) => subpath));
    expect('smart-fhir-authz' in (tarball.manifest.bin ?? {})).to.equal(existsSync(join(root, 'src/cli/main.ts')));
  });

  it('holds every file that its exports and its commands name', () => {
    const { exports, bin = {} } = tarball.manifest;
    const targets = Object.values(exports).flatMap((entry) =>
      typeof entry === 'string' ? [entry] : Object.values(entry).flatMap((shape) => Object.values(shape)),
    );
    const named = [...targets, ...Object.values(bin)].map((path) => path.replace(/^\.\//, ''));
    expect(tarball.paths).to.include.members(named);
    for (const command of Object.values(bin)) {
      expect(readFileSync(join(tarball.unpacked, command), 'utf8'), command).to.match(/^#!\/usr\/bin\/env node\n/);
    }
  });

  it('needs at run time what it declares, all of it and nothing else', () => {
    const { dependencies, peerDependencies = {} } = tarball.manifest;
    const imported = new Set<string>();
    for (const path of tarball.paths.filter((each) => each.startsWith('dist/') && /\.(?:js|d\.ts)$/.test(each))) {
      for (const specifier of importsOf(join(tarball.unpacked, path))) {
        if (!specifier.startsWith('.') && !isBuiltin(specifier)) imported.add(packageOf(specifier));
      }
    }
    const declared = [...Object.keys(dependencies), ...Object.keys(peerDependencies)];
    expect([...imported].filter((name) => name !== tarball.manifest.name)).to.have.members(declared);
  });

  it('holds the page of the explorer, where the command looks for it', () => {
    const page = (folder: string): string[] =>
      tarball.paths.filter((path) => path.startsWith(folder)).map((path) => path.slice(folder.length));
    const files = readdirSync(join(root, 'src/explorer/page'));
    expect(page('dist/esm/explorer/page/')).to.have.members(files);
  });

  it('marks every peer as optional: the handler alone needs none', () => {
    const { peerDependencies = {}, peerDependenciesMeta = {} } = tarball.manifest;
    for (const peer of Object.keys(peerDependencies)) {
      expect(peerDependenciesMeta[peer], peer).to.deep.equal({ optional: true });
    }
  });

  it('is clean for publint', async () => {
    const { messages, pkg } = await publint({ pkgDir: tarball.unpacked, pack: false, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg))).to.deep.equal([]);
  });

  it('has the right types for every way to resolve it (attw)', () => {
    const attw = join(root, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js');
    const args = [attw, tarball.file, '--format', 'json', '--no-definitely-typed'];
    // It ends before a pipe has taken all that it prints; a file takes it at once.
    const report = join(tmpdir(), `attw-${process.pid}.json`);
    const target = openSync(report, 'w');
    spawnSync(process.execPath, args, { stdio: ['ignore', target, 'ignore'] });
    closeSync(target);
    const stdout = readFileSync(report, 'utf8');
    rmSync(report);
    const { analysis } = JSON.parse(stdout) as {
      analysis: { entrypoints: object; problems: { kind: string; entrypoint?: string; resolutionKind?: string }[] };
    };
    expect(Object.keys(analysis.entrypoints)).to.include.members(
      Object.keys(tarball.manifest.exports).filter((subpath) => subpath !== './package.json'),
    );
    // Subpaths exist by `exports` alone, which the resolution of Node 10 does not know. This package needs Node 20.
    const problems = analysis.problems.filter(
      ({ kind, entrypoint, resolutionKind }) =>
        !(kind === 'NoResolution' && resolutionKind === 'node10' && entrypoint !== '.'),
    );
    expect(problems).to.deep.equal([]);
  });
});

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(text, true, true);
  return [...importedFiles, ...typeReferenceDirectives].map(({ fileName }) => fileName);
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
