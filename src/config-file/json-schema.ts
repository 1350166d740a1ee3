import { z } from 'zod';
import { fileSchema } from './schema/file.js';

/** The JSON Schema of a configuration file, for editors. config.schema.json beside this file holds it, formatted. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...schema } = z.toJSONSchema(fileSchema({}), { io: 'input', target: 'draft-7' });
  return {
    $schema,
    title: 'Configuration of smart-fhir-authz',
    description: 'Read by the commands of smart-fhir-authz. {"env": "NAME"} may stand for any text.',
    ...schema,
  };
}
