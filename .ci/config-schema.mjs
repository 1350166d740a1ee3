// Writes src/config-file/config.schema.json anew: npx tsx .ci/config-schema.mjs
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import prettier from 'prettier';
import { configJsonSchema } from '../src/config-file/json-schema.ts';

const file = fileURLToPath(new URL('../src/config-file/config.schema.json', import.meta.url));
const options = await prettier.resolveConfig(file);
writeFileSync(file, await prettier.format(JSON.stringify(configJsonSchema()), { ...options, parser: 'json' }));
