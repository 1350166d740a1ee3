import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect } from 'chai';
import ts from 'typescript';
import { SMARTHandler } from '../../src/index.js';
import { BASE, CONFIG } from '../access/world.js';
import { blocksOf, codeIn, sectionOf, tablesOf } from './markdown.js';
import { repositoryFiles, root, textOf } from './sources.js';

const documents = repositoryFiles().filter((file) => file.endsWith('.md'));
const manifest = JSON.parse(textOf('package.json')) as {
  name: string;
  exports: Record<string, unknown>;
  scripts: Record<string, string>;
  bin?: Record<string, string>;
};

describe('README.md', () => {
  const readme = textOf('README.md');

  it('shows the two commands that CI types: one starts, one tests', () => {
    const typed = execFileSync(process.execPath, ['.ci/readme-commands.mjs'], { cwd: root, encoding: 'utf8' });
    expect(typed.trim().split('\n')).to.deep.equal(['npm ci && npm start', 'npm ci && npm test']);
  });

  /** The first columns of the tables of a section. */
  const listed = (heading: string, column: string): string[] =>
    tablesOf(sectionOf('README.md', heading))
      .flat()
      .flatMap((row) => codeIn(row[column] ?? ''));

  it('lists every key of SMARTConfig, and no other', () => {
    const keys = membersOf('src/config.ts', 'SMARTConfig');
    const nested = membersOf('src/config.ts', 'IntrospectionOptions').map((key) => `tokenIntrospection.${key}`);
    expect(listed('### SMARTConfig', 'key')).to.have.members([...keys, ...nested]);
  });

  it('lists every option, and no other', () => {
    const keys = membersOf('src/options.ts', 'SMARTHandlerOptions');
    const nested = membersOf('src/options.ts', 'MembershipOptions').map((key) => `membership.${key}`);
    expect(listed('### Options', 'option')).to.have.members([...keys, ...nested]);
  });

  it('lists every option of the middlewares, and no other', () => {
    const keys = membersOf('src/http/guard.ts', 'GuardOptions');
    expect(listed('### Express and Fastify', 'option')).to.have.members(keys);
  });

  it('lists every argument of the constructor, in order', () => {
    const parameters = constructorOf('src/handler.ts', 'SMARTHandler');
    expect(listed('### Constructor', 'argument')).to.deep.equal(parameters);
    expect(readme).to.include(`new SMARTHandler(${parameters.join(', ')})`);
  });

  it('says of every public method what it checks', () => {
    expect(listed('## What is checked when', 'method')).to.have.members(
      publicMethodsOf('src/handler.ts', 'SMARTHandler'),
    );
  });

  it('lists every subpath that the package exports, and no other', () => {
    const subpaths = Object.keys(manifest.exports).filter((subpath) => subpath !== './package.json');
    const specifiers = subpaths.map((subpath) => `${manifest.name}${subpath.slice(1)}`);
    expect(listed('## Install', 'import')).to.have.members(specifiers);
  });
});

describe('the documents', () => {
  it('import nothing from the package that it does not export', () => {
    const code = repositoryFiles().filter((file) => /\.md$|^docs\/.*\.ts$|^test\/consumers\//.test(file));
    const unknown = code.flatMap((file) =>
      [...textOf(file).matchAll(/(?:from|require\(|import\()\s*'smart-fhir-authz(\/[\w/-]+)?'/g)]
        .filter(([, subpath]) => !(subpath === undefined ? '.' in manifest.exports : `.${subpath}` in manifest.exports))
        .map(([statement]) => `${file}: ${statement}`),
    );
    expect(unknown).to.deep.equal([]);
  });

  it('link to files and headings that exist', () => {
    const broken: string[] = [];
    for (const file of documents) {
      for (const [, target = ''] of withoutCode(textOf(file)).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [path = '', anchor] = target.split('#');
        const linked = path === '' ? file : normalize(join(dirname(file), path));
        if (!existsSync(join(root, linked))) broken.push(`${file}: ${target}`);
        else if (anchor !== undefined && !anchorsOf(textOf(linked)).has(anchor)) broken.push(`${file}: ${target}`);
      }
    }
    expect(broken).to.deep.equal([]);
  });

  it('name no npm script that package.json lacks', () => {
    const missing = documents.flatMap((file) =>
      [...textOf(file).matchAll(/npm run ([a-z:-]+)/g)]
        .filter(([, script = '']) => !(script in manifest.scripts))
        .map(([command]) => `${file}: ${command}`),
    );
    expect(missing).to.deep.equal([]);
  });
});

describe('docs/migration.md', () => {
  const migration = textOf('docs/migration.md');

  it('lists every difference that the recorded cases are allowed', () => {
    const differences = JSON.parse(textOf('test/data/recorded/differences.json')) as { name: string }[];
    expect(differences.length).to.be.greaterThan(0);
    const codes = codeIn(migration);
    expect(differences.map(({ name }) => name).filter((name) => !codes.includes(name))).to.deep.equal([]);
  });

  it('lists every quirk of the recorded cases', () => {
    const quirks = new Set<string>();
    for (const file of readdirSync(join(root, 'test/data/recorded')).filter((name) => name.endsWith('.jsonl'))) {
      for (const [, name = ''] of textOf(`test/data/recorded/${file}`).matchAll(/"upstream-quirk:([a-z0-9-]+)"/g)) {
        quirks.add(name);
      }
    }
    expect(quirks.size).to.be.greaterThan(40);
    const codes = codeIn(migration);
    expect([...quirks].filter((name) => !codes.includes(name))).to.deep.equal([]);
  });

  it('names no hole that no test is about, and neither does the threat model', () => {
    const tested = new Set(
      repositoryFiles('test')
        .filter((file) => file.endsWith('.test.ts'))
        .flatMap((file) => [...textOf(file).matchAll(/\bhole-(\d+[a-z]?)\b/g)].map(([, id]) => id)),
    );
    const texts = migration + textOf('docs/threat-model.md');
    const named = new Set([...texts.matchAll(/\bhole-(\d+[a-z]?)\b/g)].map(([, id]) => id));
    expect([...named].filter((id) => !tested.has(id))).to.deep.equal([]);
  });
});

describe('the worked example of docs/access-model.md', () => {
  const section = sectionOf('docs/access-model.md', '## A worked example');
  const resource = JSON.parse(blocksOf(section, 'json')[0] ?? '') as object;
  const rows = tablesOf(section)[0] ?? [];

  it('has rows for all that the text names', () => {
    expect(rows.length).to.be.greaterThan(10);
    expect(new Set(rows.map(({ read }) => read))).to.deep.equal(new Set(['yes', 'no']));
  });

  for (const row of rows) {
    const [fhirUser, patient] = [codeIn(row['fhirUser'] ?? ''), codeIn(row['launch patient'] ?? '')].map(
      ([first]) => first,
    );
    const scopes = codeIn(row['scopes'] ?? '')[0]?.split(' ') ?? [];
    const adminTypes = codeIn(row['admin types'] ?? '');
    const [code, path] = codeIn(row['because'] ?? '');
    const who = [fhirUser, patient && `${patient} in context`].filter(Boolean).join(' and ') || 'nobody';

    it(`${who} with ${scopes.join(' ')}: ${row['read'] ?? ''}, ${code ?? ''}`, async () => {
      const handler = new SMARTHandler(CONFIG, BASE, '4.0.1', adminTypes);
      const userIdentity = {
        sub: 'somebody',
        scopes,
        usableScopes: scopes,
        ...(fhirUser && { fhirUserObject: resourceAt(fhirUser, BASE) }),
        ...(patient && { patientLaunchContext: resourceAt(patient, BASE) }),
      };
      const decision = await handler.decide({ operation: 'read', resourceType: 'Patient', userIdentity, resource });
      expect(decision.decision).to.equal(row['read'] === 'yes' ? 'allow' : 'deny');
      if (decision.decision === 'allow') {
        expect(decision.code).to.equal(code);
        expect(decision.path).to.equal(path);
      } else {
        expect(decision.reasons.map((reason) => reason.code)).to.include(code);
      }

      const filtering = handler.authorizeAndFilterReadResponse({
        operation: 'read',
        userIdentity,
        readResponse: resource,
        requestContext: {} as never,
      });
      const shown = await filtering.then(
        () => true,
        () => false,
      );
      expect(shown, 'the same through the interface').to.equal(decision.decision === 'allow');
    });
  }
});

function resourceAt(reference: string, base: string): { hostname: string; resourceType: string; id: string } {
  const parts = reference.split('/');
  const [resourceType = '', id = ''] = parts.slice(-2);
  return { hostname: parts.length > 2 ? parts.slice(0, -2).join('/') : base, resourceType, id };
}

function withoutCode(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]+`/g, '');
}

/** The anchors that GitHub makes of headings. */
function anchorsOf(markdown: string): Set<string> {
  return new Set(
    [...markdown.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .replace(/\s/g, '-'),
    ),
  );
}

function parse(file: string): ts.SourceFile {
  return ts.createSourceFile(file, textOf(file), ts.ScriptTarget.ES2022, true);
}

function membersOf(file: string, name: string): string[] {
  const declaration = parse(file).statements.find((node) => ts.isInterfaceDeclaration(node) && node.name.text === name);
  if (!declaration || !ts.isInterfaceDeclaration(declaration)) throw new Error(`${file} has no interface ${name}`);
  return declaration.members.map((member) => member.name?.getText() ?? '');
}

function classOf(file: string, name: string): ts.ClassDeclaration {
  const declaration = parse(file).statements.find((node) => ts.isClassDeclaration(node) && node.name?.text === name);
  if (!declaration || !ts.isClassDeclaration(declaration)) throw new Error(`${file} has no class ${name}`);
  return declaration;
}

function constructorOf(file: string, name: string): string[] {
  const made = classOf(file, name).members.find(ts.isConstructorDeclaration);
  return made?.parameters.map((parameter) => parameter.name.getText()) ?? [];
}

function publicMethodsOf(file: string, name: string): string[] {
  return classOf(file, name)
    .members.filter(ts.isMethodDeclaration)
    .map((method) => method.name)
    .filter(ts.isIdentifier)
    .map((method) => method.text);
}
