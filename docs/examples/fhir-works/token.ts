/*
 * Prints an access token for the running example, to use as $TOKEN in the curl commands that it shows:
 *
 *   TOKEN=$(npx tsx docs/examples/fhir-works/token.ts Patient/example --patient Patient/example --scope 'patient/*.read')
 *
 * PORT must be the same as for `npm start`.
 */
import { parseArgs } from 'node:util';
import { signIn } from './oauth-client.js';
import { portsFor } from './ports.js';

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { patient: { type: 'string' }, scope: { type: 'string' } },
  });
  const [person] = positionals;
  if (person === undefined || values.scope === undefined) {
    throw new Error(
      "Usage: token.ts PERSON --scope 'SCOPES' [--patient Patient/ID], e.g. Practitioner/example --scope 'user/*.read'",
    );
  }
  const ports = portsFor();
  const issuer = `http://127.0.0.1:${ports.authorization}`;
  await fetch(issuer).catch(() => {
    throw new Error(`No authorization server answers at ${issuer}. Is "npm start" running, with the same PORT?`);
  });
  const { accessToken } = await signIn({
    issuer,
    fhirBase: `http://127.0.0.1:${ports.fhir}`,
    person,
    patient: values.patient,
    scope: values.scope,
  });
  process.stdout.write(`${accessToken}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
