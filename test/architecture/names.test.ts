import { basename } from 'node:path';
import { expect } from 'chai';
import { repositoryFiles, roomOf, sourceModules, textOf } from './sources.js';

/** Endings of files that are not read as text here: generated data, official examples, recorded cases, images. */
const NO_PROSE =
  /^(?:package-lock\.json$|src\/fhir\/data\/|test\/data\/|test\/examples\/|docs\/examples\/data\/)|\.(?:png|jpe?g|gz|ico|woff2?)$/;

/** Puts a word together, so that this file does not say it. */
const spell = (...parts: readonly string[]): string => parts.join('');

const HOMES = ['work', 'home', 'root', 'Users', 'mnt', 'workspace'].join('|');

/** What no text of the repository says. */
const FOREIGN: readonly RegExp[] = [
  // Where its author's machine keeps things. /tmp and /usr/bin are everybody's.
  new RegExp(`(?<![\\w.~$}/-])/(?:${HOMES})/[\\w.]`),
  /(?<![A-Za-z])[A-Z]:\\[A-Za-z]/,
  // Files and papers outside of the repository.
  new RegExp(`(?:^|[^.\\w])(?:\\.\\./)+${spell('sha', 'red')}/`),
  new RegExp(spell('seed', ' doc', 'ument'), 'i'),
  // Who or what wrote it: the history of the repository tells.
  new RegExp(`\\b(?:${spell('A', 'I')}|${spell('L', 'LM')}|${spell('chat', 'bot')}|${spell('co-auth', 'ored-by')})\\b`),
  new RegExp(spell('language', ' mod', 'el'), 'i'),
  // Left behind.
  new RegExp(`\\b(?:${spell('TO', 'DO')}|${spell('FIX', 'ME')}|${spell('XX', 'X')})\\b`),
  /^(?:<{7}|>{7}|={7})(?: |$)/m,
];

describe('the names and the words of the repository', () => {
  const files = repositoryFiles();

  it('has no file for whatever found no other place', () => {
    const vague = /^(?:helpers?|utils?|utilit(?:y|ies)|common|misc|shared|stuff)(?:\.|$)/i;
    const named = files.filter((file) => /^(?:src|test|docs)\//.test(file));
    const folders = new Set(named.flatMap((file) => file.split('/').slice(0, -1)));
    expect(named.filter((file) => vague.test(basename(file)))).to.deep.equal([]);
    expect([...folders].filter((folder) => vague.test(folder))).to.deep.equal([]);
  });

  it('keeps the top level small', () => {
    const known = new Set([
      'CHANGELOG.md',
      'CONTRIBUTING.md',
      'LICENSE',
      'README.md',
      'SECURITY.md',
      'docs',
      'package-lock.json',
      'package.json',
      'src',
      'test',
      'tsconfig.json',
    ]);
    const top = new Set(files.map((file) => file.split('/')[0] ?? ''));
    expect([...top].filter((name) => !name.startsWith('.') && !known.has(name))).to.deep.equal([]);
  });

  it('has tests where the code is: the folders of test that bear the name of a room are rooms', () => {
    const rooms = new Set(sourceModules().map(({ path }) => roomOf(path).replace(/\.ts$/, '')));
    // Beside the rooms: what the tests read, and what concerns the whole.
    const beside = [
      'architecture',
      'bench',
      'consumers',
      'data',
      'examples',
      'examples-run',
      'holes',
      'package',
      'real-inputs',
      'recorded',
      'scenarios',
      'stubs',
    ];
    const folders = new Set(
      files.filter((file) => /^test\/[^/]+\//.test(file)).map((file) => file.split('/')[1] ?? ''),
    );
    expect([...folders].filter((folder) => !rooms.has(folder) && !beside.includes(folder))).to.deep.equal([]);
  });

  it('explains every room in docs/architecture.md', () => {
    const text = textOf('docs/architecture.md');
    const rooms = new Set(sourceModules().map(({ path }) => roomOf(path)));
    const unexplained = [...rooms].filter((room) => !text.includes(`src/${room}${room.endsWith('.ts') ? '' : '/'}`));
    expect(unexplained).to.deep.equal([]);
    // And none that is not there.
    const explained = [...text.matchAll(/^\|[^|]*\| `src\/([\w.-]+)\/?`/gm)].map(([, room = '']) => room);
    expect(explained).to.have.members([...rooms]);
  });

  it('speaks of the project alone', () => {
    const found: string[] = [];
    for (const file of files.filter((each) => !NO_PROSE.test(each))) {
      const text = textOf(file);
      for (const pattern of FOREIGN) {
        const [match] = pattern.exec(text) ?? [];
        if (match !== undefined) found.push(`${file}: ${match.trim()}`);
      }
    }
    expect(found).to.deep.equal([]);
  });

  it('notices what does not belong here', () => {
    const samples = [
      spell('see /', 'work/main/src'),
      spell('"/', 'home/ann/x"'),
      spell('(/', 'root/.npmrc)'),
      spell('C:', '\\Users'),
      spell('node ../', 'sha', 'red/run.mjs'),
      spell('as the Seed', ' Doc', 'ument says'),
      spell('written by an A', 'I'),
      spell('// TO', 'DO: later'),
      `${'<'.repeat(7)} HEAD`,
    ];
    for (const sample of samples) {
      expect(
        FOREIGN.some((pattern) => pattern.test(sample)),
        sample,
      ).to.equal(true);
    }
    for (const fine of [
      'https://x.example/root/Patient/1',
      '${base}/home/x',
      '/usr/bin/env',
      'maintain',
      "['http', 'x']",
    ]) {
      expect(
        FOREIGN.some((pattern) => pattern.test(fine)),
        fine,
      ).to.equal(false);
    }
  });
});
