import { CLIENT_ASSERTION_TYPE, createClientAssertion } from '../backend-services/client/assertion.js';
import { endpointUrl } from '../backend-services/client/url.js';
import type { Command } from './command.js';
import { EXIT } from './exit-code.js';
import { readPrivateText } from './files.js';
import { printJson } from './print.js';

export const assertion: Command = {
  name: 'assertion',
  summary: 'sign a client assertion',
  help: `Usage: smart-fhir-authz assertion --client-id ID --aud URL --key FILE [options]

Signs a client assertion (RFC 7523) and prints it. It opens the client's account at that token
endpoint, once, until it expires: pipe it on, or keep it out of the terminal's history.

Options:
  --client-id ID         the id that the administrator gave the client
  --aud URL              the token endpoint, as the server's smart-configuration names it
  --key FILE             the private key: PEM (PKCS#1, PKCS#8, SEC 1) or JSON Web Key; - is
                         standard input
  --kid ID               the id under which the public key is registered; default: the JWK's own,
                         else made by --kid-rule
  --kid-rule rfc7638|pem-sha256
                         default rfc7638
  --jku URL              the registered JWKS URL, if the server wants it named
  --lifetime SECONDS     1 to 300; default 240
  --allow-insecure-loopback
                         accept http: URLs of this machine, for development
  --json                 print {"client_assertion_type", "client_assertion"}

An encrypted PKCS#8 key is opened with the passphrase in the environment variable
SMART_KEY_PASSPHRASE.

Examples:
  smart-fhir-authz assertion --client-id "$CLIENT_ID" --aud https://as.example/token --key client.private.pem
  smart-fhir-authz assertion --client-id "$CLIENT_ID" --aud https://as.example/token --key client.private.pem |
    smart-fhir-authz inspect -
`,
  options: {
    'client-id': { type: 'string' },
    aud: { type: 'string' },
    key: { type: 'string' },
    kid: { type: 'string' },
    'kid-rule': { type: 'string' },
    jku: { type: 'string' },
    lifetime: { type: 'string' },
    'allow-insecure-loopback': { type: 'boolean' },
    json: { type: 'boolean' },
  },
  operands: { min: 0, max: 0, name: '' },

  async run(args, io) {
    const policy = { allowInsecureLoopback: args.flag('allow-insecure-loopback') };
    const clientId = args.needed('client-id');
    const audience = args.needed('aud');
    endpointUrl(audience, '--aud', policy);
    const jku = args.text('jku');
    if (jku !== undefined) endpointUrl(jku, '--jku', policy);
    const jwt = await createClientAssertion({
      clientId,
      audience,
      privateKey: await readPrivateText(args.needed('key'), io),
      kid: args.text('kid'),
      kidRule: args.oneOf('kid-rule', ['rfc7638', 'pem-sha256']),
      passphrase: io.env['SMART_KEY_PASSPHRASE'],
      jku,
      lifetimeSeconds: args.number('lifetime'),
      now: io.now,
    });
    if (args.flag('json')) printJson({ client_assertion_type: CLIENT_ASSERTION_TYPE, client_assertion: jwt }, io);
    else io.stdout(`${jwt}\n`);
    return EXIT.ok;
  },
};
