import { z } from 'zod';
import { FHIR_VERSIONS } from '../../fhir/version.js';
import { normalizeBaseUrl } from '../../identity/fhir-url.js';
import { accessSection } from './access.js';
import { gatewaySection } from './gateway.js';
import { smartSection } from './smart.js';
import type { Environment } from './text.js';
import { textsIn } from './text.js';
import { tokenSection } from './token.js';

/** The schemas of an environment, made once: that takes longer than to check a file by them. */
export function schemasOf(env: Environment): Schemas {
  const known = made.get(env);
  if (known) return known;
  const schemas = { file: fileSchema(env), bare: bareSchema(env) };
  made.set(env, schemas);
  return schemas;
}

const made = new WeakMap<Environment, Schemas>();

interface Schemas {
  readonly file: ReturnType<typeof fileSchema>;
  readonly bare: ReturnType<typeof bareSchema>;
}

/** The whole file. */
export function fileSchema(env: Environment) {
  const texts = textsIn(env);
  return z.strictObject({
    $schema: z.string().meta({ description: 'For editors: where the JSON Schema of this file is.' }).optional(),
    smart: smartSection(texts).meta({
      description: 'What tokens look like and what their scopes allow: a SMARTConfig.',
    }),
    baseUrl: texts.text
      .refine((value) => normalizeBaseUrl(value) !== undefined, 'must be the http(s) base URL of the FHIR server')
      .meta({ description: 'Base URL of the FHIR server, as tokens and references know it.' }),
    fhirVersion: z
      .enum(FHIR_VERSIONS, { error: `must be one of ${FHIR_VERSIONS.join(', ')}` })
      .meta({ description: 'The FHIR version of the server.' }),
    access: accessSection(texts).meta({ description: 'Who may see and change what, beyond the scopes.' }).optional(),
    token: tokenSection(texts).meta({ description: 'How access tokens are verified.' }).optional(),
    gateway: gatewaySection(texts)
      .refine(({ headersTimeoutMs = 10_000, requestTimeoutMs = 30_000 }) => requestTimeoutMs >= headersTimeoutMs, {
        message: 'must not be below headersTimeoutMs',
        path: ['requestTimeoutMs'],
      })
      .meta({ description: 'For the command gateway.' })
      .optional(),
  });
}

/** A SMARTConfig by itself, as users of fhir-works-on-aws-authz-smart have it. */
function bareSchema(env: Environment) {
  return smartSection(textsIn(env)).extend({ $schema: z.string().optional() });
}
