import { createBackendServicesClient } from '../backend-services/client/create.js';
import type { Command } from './command.js';
import { EXIT } from './exit-code.js';
import { UsageError } from './failure.js';
import { PRIVATE_MODE, readPrivateText, refuseExisting, writeNew } from './files.js';
import { printableLine, printJson } from './print.js';

export const token: Command = {
  name: 'token',
  summary: 'get an access token from an authorization server',
  help: `Usage: smart-fhir-authz token (--fhir URL | --token-endpoint URL) --client-id ID --key FILE --scope SCOPES [options]

Asks for an access token as SMART Backend Services tells it, and prints the token alone, so that
it can be used at once. What was granted, and how that differs from what was asked, goes to
standard error.

Options:
  --fhir URL             the FHIR server; its smart-configuration names the token endpoint
  --token-endpoint URL   the token endpoint, if it is known
  --client-id ID         the id that the administrator gave the client
  --key FILE             the private key: PEM (PKCS#1, PKCS#8, SEC 1) or JSON Web Key; - is
                         standard input
  --kid ID               the id under which the public key is registered; default: the JWK's own,
                         else made by --kid-rule
  --kid-rule rfc7638|pem-sha256
                         default rfc7638
  --scope "SCOPES"       what to ask for: "system/Patient.rs system/Observation.rs"
  --jku URL              the registered JWKS URL, if the server wants it named
  --timeout MS           for each exchange, 1 to 60000; default 5000
  --out FILE             write the token to FILE, mode 600, instead of printing it
  --force                replace FILE if it exists
  --allow-insecure-loopback
                         accept http: URLs of this machine, for development
  --json                 print the answer as JSON, the token in it

An encrypted PKCS#8 key is opened with the passphrase in the environment variable
SMART_KEY_PASSPHRASE. A refusal exits with 4 and shows the server's status, error and
error_description.

Examples:
  TOKEN=$(smart-fhir-authz token --fhir https://fhir.example/r4 --client-id "$CLIENT_ID" --key client.private.pem \\
    --scope "system/Patient.rs")
  smart-fhir-authz token --token-endpoint https://as.example/token --client-id "$CLIENT_ID" --key client.private.pem \\
    --scope "system/Patient.rs" --out token.txt
`,
  options: {
    fhir: { type: 'string' },
    'token-endpoint': { type: 'string' },
    'client-id': { type: 'string' },
    key: { type: 'string' },
    kid: { type: 'string' },
    'kid-rule': { type: 'string' },
    scope: { type: 'string' },
    jku: { type: 'string' },
    timeout: { type: 'string' },
    out: { type: 'string' },
    force: { type: 'boolean' },
    'allow-insecure-loopback': { type: 'boolean' },
    json: { type: 'boolean' },
  },
  operands: { min: 0, max: 0, name: '' },

  async run(args, io) {
    const fhirBaseUrl = args.text('fhir');
    const tokenEndpoint = args.text('token-endpoint');
    const jku = args.text('jku');
    const timeoutMs = args.number('timeout');
    if (fhirBaseUrl === undefined && tokenEndpoint === undefined) {
      throw new UsageError('one of --fhir and --token-endpoint is needed');
    }
    const client = createBackendServicesClient({
      ...(fhirBaseUrl !== undefined && { fhirBaseUrl }),
      ...(tokenEndpoint !== undefined && { tokenEndpoint }),
      ...(jku !== undefined && { jku }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      clientId: args.needed('client-id'),
      scope: args.needed('scope'),
      privateKey: await readPrivateText(args.needed('key'), io),
      kid: args.text('kid'),
      kidRule: args.oneOf('kid-rule', ['rfc7638', 'pem-sha256']),
      passphrase: io.env['SMART_KEY_PASSPHRASE'],
      allowInsecureLoopback: args.flag('allow-insecure-loopback'),
      now: io.now,
    });
    const out = args.text('out');
    if (out !== undefined && !args.flag('force')) await refuseExisting([out]);
    const { accessToken, expiresIn, scope, narrowed, widened } = await client.getToken();
    if (out !== undefined) {
      await writeNew([{ path: out, text: `${accessToken}\n`, mode: PRIVATE_MODE }], args.flag('force'));
      io.stderr(`wrote ${out}\n`);
    }
    if (args.flag('json')) {
      const shown = out === undefined ? { access_token: accessToken } : {};
      printJson({ ...shown, token_type: 'Bearer', expires_in: expiresIn, scope, narrowed, widened }, io);
    } else {
      if (out === undefined) io.stdout(`${accessToken}\n`);
      // The server's words, on the user's terminal.
      io.stderr(`granted ${printableLine(scope)}, for ${expiresIn} s\n`);
      if (narrowed.length > 0) io.stderr(`warning: not granted in full: ${printableLine(narrowed.join(' '))}\n`);
      if (widened.length > 0) io.stderr(`warning: granted beyond the request: ${printableLine(widened.join(' '))}\n`);
    }
    return EXIT.ok;
  },
};
