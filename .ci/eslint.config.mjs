// ESLint 10 no longer reads .eslintrc.json by itself; the rules live there all the same, and this shim hands them over.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FlatCompat } from '@eslint/eslintrc';
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const root = fileURLToPath(new URL('..', import.meta.url));
const compat = new FlatCompat({
  baseDirectory: root,
  recommendedConfig: js.configs.recommended,
  allConfig: js.configs.all,
});
const rules = JSON.parse(readFileSync(`${root}.eslintrc.json`, 'utf8'));

export default [
  { ignores: ['dist/**', 'node_modules/**', 'coverage/**', '.cache/**', 'test/stubs/**', 'test/consumers/**'] },
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { project: `${root}tsconfig.json`, tsconfigRootDir: root } },
  },
  ...compat.config(rules),
];
