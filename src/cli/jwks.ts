import { createJwks } from '../backend-services/keys/publish.js';
import { readKeys } from '../backend-services/keys/read.js';
import type { Command } from './command.js';
import { EXIT } from './exit-code.js';
import { PUBLIC_MODE, readText, writeNew } from './files.js';
import { printJson } from './print.js';

export const jwks: Command = {
  name: 'jwks',
  summary: 'turn public keys into a JSON Web Key Set',
  help: `Usage: smart-fhir-authz jwks FILE... [options]

Reads public keys from PEM files (SPKI, PKCS#1), JSON Web Keys and key sets, - being standard
input, and prints them as one JSON Web Key Set, ready for registration or for the client's JWKS
URL. Nothing but public members comes out.

Refused: private keys (unless --from-private), RSA keys below 2048 bits, curves other than P-384,
a key given twice, two keys under one kid, and keys whose private half is published somewhere.

Options:
  --kid rfc7638|pem-sha256    how ids are made: for keys that have none, or with --rename for all;
                              default rfc7638. pem-sha256 is base64url(SHA-256(SPKI PEM))[:16],
                              over the canonical PEM text
  --rename                    replace the ids that keys bring
  --from-private              take the public half of private keys (PKCS#1, PKCS#8, SEC 1, JWK)
  --out FILE                  write there instead of printing
  --force                     replace FILE if it exists
  --json                      errors as JSON, too; the set is JSON anyway

An encrypted PKCS#8 key is opened with the passphrase in the environment variable
SMART_KEY_PASSPHRASE.

Examples:
  smart-fhir-authz jwks client.public.pem
  smart-fhir-authz jwks old.public.pem new.public.pem --out jwks.json
  smart-fhir-authz jwks client.public.pem --kid pem-sha256
`,
  options: {
    kid: { type: 'string' },
    rename: { type: 'boolean' },
    'from-private': { type: 'boolean' },
    out: { type: 'string' },
    force: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  operands: { min: 1, max: 100, name: 'FILE' },

  async run(args, io) {
    const kidRule = args.oneOf('kid', ['rfc7638', 'pem-sha256']);
    const passphrase = io.env['SMART_KEY_PASSPHRASE'];
    const keys = [];
    for (const file of args.operands) keys.push(...readKeys(await readText(file, io), { passphrase }));
    const set = createJwks(keys, { kidRule, renameKeys: args.flag('rename'), fromPrivate: args.flag('from-private') });
    const out = args.text('out');
    if (out === undefined) {
      printJson(set, io);
    } else {
      await writeNew([{ path: out, text: `${JSON.stringify(set, null, 2)}\n`, mode: PUBLIC_MODE }], args.flag('force'));
      io.stderr(`wrote ${out}\n`);
    }
    return EXIT.ok;
  },
};
