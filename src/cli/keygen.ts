import { generateSigningKey } from '../backend-services/keys/generate.js';
import type { Command } from './command.js';
import { EXIT } from './exit-code.js';
import type { FileToWrite } from './files.js';
import { PRIVATE_MODE, PUBLIC_MODE, writeNew } from './files.js';
import { printJson } from './print.js';

export const keygen: Command = {
  name: 'keygen',
  summary: 'make a key pair for a client',
  help: `Usage: smart-fhir-authz keygen [--alg RS384|ES384] [--out PREFIX] [options]

Makes a key pair for SMART asymmetric client authentication and writes three files:
  PREFIX.private.pem   the private key, PKCS#8, mode 600: it stays with the client
  PREFIX.public.pem    the public key, SPKI
  PREFIX.jwks.json     the public key as a JSON Web Key Set, for the administrator or the JWKS URL
The private key is written to its file and shown nowhere.

Options:
  --alg RS384|ES384           default RS384
  --bits N                    size of an RSA key, 2048 to 8192; default 3072
  --out PREFIX                where to; default client
  --kid rfc7638|pem-sha256    how the key's id is made; default rfc7638, the JWK thumbprint
  --jwk                       also write PREFIX.private.jwk.json, mode 600
  --force                     replace files that exist
  --json                      print the result as JSON

Examples:
  smart-fhir-authz keygen
  smart-fhir-authz keygen --alg ES384 --out keys/immunization
`,
  options: {
    alg: { type: 'string' },
    bits: { type: 'string' },
    out: { type: 'string' },
    kid: { type: 'string' },
    jwk: { type: 'boolean' },
    force: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  operands: { min: 0, max: 0, name: '' },

  async run(args, io) {
    const alg = args.oneOf('alg', ['RS384', 'ES384']) ?? 'RS384';
    const kidRule = args.oneOf('kid', ['rfc7638', 'pem-sha256']) ?? 'rfc7638';
    const bits = args.number('bits');
    const prefix = args.text('out') ?? 'client';
    const key = await generateSigningKey({ alg, kidRule, ...(bits !== undefined && { modulusLength: bits }) });
    const files: FileToWrite[] = [
      { path: `${prefix}.private.pem`, text: key.privatePem, mode: PRIVATE_MODE },
      { path: `${prefix}.public.pem`, text: key.publicPem, mode: PUBLIC_MODE },
      {
        path: `${prefix}.jwks.json`,
        text: `${JSON.stringify({ keys: [key.publicJwk] }, null, 2)}\n`,
        mode: PUBLIC_MODE,
      },
    ];
    if (args.flag('jwk')) {
      const text = `${JSON.stringify(key.privateJwk, null, 2)}\n`;
      files.push({ path: `${prefix}.private.jwk.json`, text, mode: PRIVATE_MODE });
    }
    await writeNew(files, args.flag('force'));
    const paths = files.map(({ path }) => path);
    if (args.flag('json')) printJson({ kid: key.kid, alg, files: paths }, io);
    else io.stdout(`kid ${key.kid}\nalg ${alg}\n${paths.map((path) => `wrote ${path}\n`).join('')}`);
    return EXIT.ok;
  },
};
