import { ESLint } from 'eslint';
import { expect } from 'chai';
import { root, textOf } from './sources.js';

/**
 * ESLint 10 does not read .eslintrc.json by itself: .ci/eslint.config.mjs hands it over. That the rules really fire, the
 * type-aware ones among them, is seen here on texts that break them.
 */
describe('the rules of .eslintrc.json', function () {
  this.timeout(120_000);
  // In CI the type-aware parser reads each file from the disk once; the texts here stand in no file.
  process.env['TSESTREE_SINGLE_RUN'] = 'false';
  const eslint = new ESLint({ cwd: root, overrideConfigFile: '.ci/eslint.config.mjs' });

  /** The rules that a text breaks when it stands in a file of the project. */
  async function brokenBy(text: string, filePath: string): Promise<string[]> {
    const [result] = await eslint.lintText(text, { filePath });
    return [...new Set(result?.messages.map(({ ruleId, message }) => ruleId ?? message))].sort();
  }

  const BROKEN: readonly (readonly [what: string, filePath: string, text: string, rule: string])[] = [
    ['any', 'src/errors.ts', 'export const x: any = 1;', '@typescript-eslint/no-explicit-any'],
    ['a default export', 'src/errors.ts', 'const x = 1;\nexport default x;', 'no-restricted-syntax'],
    ['an enum', 'src/errors.ts', 'export enum X { A }', 'no-restricted-syntax'],
    ['==', 'src/errors.ts', 'export const x = (a: string, b: string) => a == b;', 'eqeqeq'],
    ['console', 'src/errors.ts', 'console.log(1);', 'no-console'],
    ['a promise that nobody awaits', 'src/errors.ts', 'Promise.resolve(1);', '@typescript-eslint/no-floating-promises'],
    [
      'a switch that forgot a case',
      'src/errors.ts',
      "export function f(x: 'a' | 'b'): number {\n  switch (x) {\n    case 'a':\n      return 1;\n  }\n  return 2;\n}",
      '@typescript-eslint/switch-exhaustiveness-check',
    ],
    [
      'an import of a type as if it were a value',
      'src/errors.ts',
      "import { FhirVersion } from './fhir/version.js';\nexport const x: FhirVersion = '4.0.1';",
      '@typescript-eslint/consistent-type-imports',
    ],
    [
      'fhir that imports from scope',
      'src/fhir/version.ts',
      "import { parseScope } from '../scope/parse.js';\nexport const x = parseScope('x');",
      'no-restricted-imports',
    ],
    [
      'scope that imports from access',
      'src/scope/scope.ts',
      "import { deny } from '../access/decision.js';\nexport const x = deny;",
      'no-restricted-imports',
    ],
    [
      'token that imports the configuration',
      'src/token/options.ts',
      "import { checkConfig } from '../config.js';\nexport const x = checkConfig;",
      'no-restricted-imports',
    ],
    [
      'access that imports the handler',
      'src/access/judge.ts',
      "import { SMARTHandler } from '../handler.js';\nexport const x = SMARTHandler;",
      'no-restricted-imports',
    ],
    ['a clock in access', 'src/access/judge.ts', 'export const x = Date.now();', 'no-restricted-globals'],
    ['a fetch in scope', 'src/scope/scope.ts', "export const x = fetch('https://x.example');", 'no-restricted-globals'],
  ];

  for (const [what, filePath, text, rule] of BROKEN) {
    it(`forbid ${what}`, async () => {
      expect(await brokenBy(`${text}\n`, filePath)).to.include(rule);
    });
  }

  it('have nothing against the text that is there', async () => {
    expect(await brokenBy(textOf('src/fhir/version.ts'), 'src/fhir/version.ts')).to.deep.equal([]);
  });

  it('are what `npm run lint` uses', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
    expect(scripts['lint']).to.match(
      /^eslint -c \.ci\/eslint\.config\.mjs --max-warnings 0 src test docs && prettier --check \.$/,
    );
  });
});
