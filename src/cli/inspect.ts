import type { Expected } from '../backend-services/inspect/expected.js';
import { inspectToken } from '../backend-services/inspect/inspect.js';
import type { TokenReport } from '../backend-services/inspect/inspect.js';
import { publicJwk } from '../backend-services/keys/export.js';
import type { Jwk } from '../backend-services/keys/jwk.js';
import { jwksOf, readKeys } from '../backend-services/keys/read.js';
import type { Arguments } from './arguments.js';
import type { Command, CommandIo } from './command.js';
import { EXIT } from './exit-code.js';
import { UsageError } from './failure.js';
import { readText } from './files.js';
import { printable, printJson } from './print.js';
import { parseObject, readExpected } from './read-expected.js';

export const inspect: Command = {
  name: 'inspect',
  summary: 'decode a token and name everything that is wrong with it',
  help: `Usage: smart-fhir-authz inspect FILE|- [options]

Decodes a client assertion or access token from a file or standard input and names every defect
against SMART, the RFCs it rests on, and what you say you expect. A token is never taken as an
argument, where others could see it. The file may also be the JSON of a token response. Exit code
1 if a conforming server must refuse the token.

Options:
  --as client-assertion|access-token
                         what the token is meant to be; default: what it looks like
  --client-id ID         the client
  --aud URL              the token endpoint (of an assertion) or FHIR base (of an access token)
  --iss URL              the issuer of the access token, to the letter
  --jku URL              the registered JWKS URL
  --scope "SCOPES"       the scopes that were requested
  --keys FILE            public keys to check the signature with: PEM, JSON Web Key or key set
  --config FILE          a JSON object with any of clientId, audience, issuer, jku, scope, jwks;
                         the names of SMARTConfig (expectedAudValue, expectedIssValue) serve as
                         well, also below "smart", as in the gateway's file. An audience may be
                         {"pattern": "^https://fhir[.]example/[a-z]+$"}. Options above win
  --at TIME              judge as of this time (ISO 8601, or seconds since 1970); default: now
  --json                 print the report as JSON

Examples:
  smart-fhir-authz inspect assertion.txt
  pbpaste | smart-fhir-authz inspect -
  smart-fhir-authz inspect token.txt --iss https://as.example/ --aud https://fhir.example/r4 --keys as.jwks.json
`,
  options: {
    as: { type: 'string' },
    'client-id': { type: 'string' },
    aud: { type: 'string' },
    iss: { type: 'string' },
    jku: { type: 'string' },
    scope: { type: 'string' },
    keys: { type: 'string' },
    config: { type: 'string' },
    at: { type: 'string' },
    json: { type: 'boolean' },
  },
  operands: { min: 1, max: 1, name: 'FILE (or -)' },

  async run(args, io) {
    const [file = '-'] = args.operands;
    const config = args.text('config');
    if (file === '-' && [args.text('keys'), config].includes('-')) {
      throw new UsageError('standard input can be read once');
    }
    const report = await inspectToken(await readText(file, io), {
      as: args.oneOf('as', ['client-assertion', 'access-token']),
      now: clock(args, io),
      expected: { ...(config === undefined ? {} : await readExpected(config, io)), ...(await fromOptions(args, io)) },
    });
    if (args.flag('json')) printJson(report, io);
    else io.stdout(describe(report));
    return report.defects.some(({ level }) => level === 'must') ? EXIT.defects : EXIT.ok;
  },
};

function describe({ kind, header, payload, signature, defects }: TokenReport): string {
  const parts = [
    ...(kind === undefined
      ? []
      : [`kind ${kind}`, `header ${json(header)}`, `payload ${json(payload)}`, `signature ${signature}`]),
    defects.length === 0 ? 'no defects' : `${defects.length} defect${defects.length === 1 ? '' : 's'}:`,
    ...defects.map(({ code, level, message, reference }) => `  [${level}] ${code}: ${message} (${reference})`),
  ];
  return printable(`${parts.join('\n')}\n`);
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

function clock(args: Arguments, io: CommandIo): () => number {
  const at = args.text('at');
  if (at === undefined) return io.now;
  const time = /^\d{1,12}$/.test(at) ? Number(at) * 1000 : Date.parse(at);
  if (Number.isNaN(time)) throw new UsageError('--at is a time in ISO 8601, or seconds since 1970');
  return () => time;
}

async function fromOptions(args: Arguments, io: CommandIo): Promise<Expected> {
  const keys = args.text('keys');
  return defined({
    clientId: args.text('client-id'),
    audience: args.text('aud'),
    issuer: args.text('iss'),
    jku: args.text('jku'),
    scope: args.text('scope'),
    keys: keys === undefined ? undefined : readVerificationKeys(await readText(keys, io)),
  });
}

/** Keys of an authorization server serve other algorithms than SMART's two: a JSON set is taken as it is. */
function readVerificationKeys(text: string): Jwk[] {
  if (text.trim().startsWith('{')) return jwksOf(parseObject(text, 'the key set'));
  return readKeys(text).map((key) => {
    const { kty, n, e, crv, x, y } = publicJwk(key, '-') as Jwk;
    return kty === 'RSA' ? { kty, n, e } : { kty: 'EC', crv, x, y };
  });
}

function defined(expected: Expected): Expected {
  return Object.fromEntries(Object.entries(expected).filter(([, value]) => value !== undefined));
}
