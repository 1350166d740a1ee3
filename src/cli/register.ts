import { checkClient } from '../backend-services/authorization-server/clients/check-client.js';
import type { RegisteredClient } from '../backend-services/authorization-server/clients/client.js';
import type { ClientRegistry } from '../backend-services/authorization-server/clients/registry.js';
import { createJwks } from '../backend-services/keys/publish.js';
import { readKeys } from '../backend-services/keys/read.js';
import type { Arguments } from './arguments.js';
import type { Command, CommandIo } from './command.js';
import { EXIT } from './exit-code.js';
import { UsageError } from './failure.js';
import { readText, warnIfOpenToAll } from './files.js';
import { openRegistry, registryPlace } from './open-registry.js';
import { printJson } from './print.js';

export const register: Command = {
  name: 'register',
  summary: 'register a client with its public keys and scopes',
  help: `Usage: smart-fhir-authz register (--registry FILE | --redis URL) --scope SCOPES (--jwks FILE | --jwks-uri URL) [options]

Adds a client to the authorization server's registry and prints its client_id. The registry is a
JSON file [{"client_id", "jwks" | "jwks_uri", "scope"}] or a Redis. The file is locked, written
beside its place and renamed into it: a server that reads it sees the old list or the new one. A
damaged file is reported and left alone. In Redis a client is one entry, which servers with
createStoredClientRegistry see at once.

Options:
  --registry FILE      the registry; made if there is none
  --redis URL          the Redis (redis: or rediss:), without a password: others would see it here.
                       A URL with a password belongs into the environment variable
                       SMART_REDIS_URL, which serves where neither option is given. Needs the
                       package ioredis
  --redis-prefix TEXT  what the server puts before its keys (keyPrefix); default smart:
  --scope "SCOPES"     what the client may be granted at most: "system/Patient.rs
                       system/Immunization.cruds"
  --jwks FILE          the client's public keys: a JSON Web Key Set, a JSON Web Key or PEM; - is
                       standard input
  --jwks-uri URL       where the client publishes its keys (https)
  --client-id ID       default: a new UUID
  --name NAME          the client's name, for people
  --kid rfc7638|pem-sha256
                       for keys without an id; default rfc7638
  --replace            replace the client of that id, which keeps its tokens; a client that is
                       removed and registered again does not
  --allow-published-key THUMBPRINT
                       accept a key whose private half is published, for a conformance test;
                       repeatable
  --allow-insecure-loopback
                       accept an http: JWKS URL on this machine, for development
  --json               print the registered client as JSON

Examples:
  smart-fhir-authz register --registry clients.json --jwks client.jwks.json --scope "system/Patient.rs"
  smart-fhir-authz register --registry clients.json --jwks-uri https://app.example/jwks.json \\
    --scope "system/Patient.rs system/Immunization.cruds" --name "Immunization gateway"
  SMART_REDIS_URL=rediss://:$PASSWORD@redis.example:6380/0 \\
    smart-fhir-authz register --jwks client.jwks.json --scope "system/Patient.rs"
`,
  options: {
    registry: { type: 'string' },
    redis: { type: 'string' },
    'redis-prefix': { type: 'string' },
    scope: { type: 'string' },
    jwks: { type: 'string' },
    'jwks-uri': { type: 'string' },
    'client-id': { type: 'string' },
    name: { type: 'string' },
    kid: { type: 'string' },
    replace: { type: 'boolean' },
    'allow-published-key': { type: 'string', multiple: true },
    'allow-insecure-loopback': { type: 'boolean' },
    json: { type: 'boolean' },
  },
  operands: { min: 0, max: 0, name: '' },

  async run(args, io) {
    const place = registryPlace(args, io);
    const deny = { allowPublishedKeys: args.list('allow-published-key') };
    const clientId = args.text('client-id');
    const name = args.text('name');
    const client = checkClient(
      {
        ...(clientId !== undefined && { client_id: clientId }),
        ...(name !== undefined && { client_name: name }),
        ...(await keysOf(args, io, deny)),
        scope: args.needed('scope'),
      },
      { keys: deny, allowInsecureLoopback: args.flag('allow-insecure-loopback'), allowedPrivateHosts: new Set() },
    );
    const opened = await openRegistry(place);
    let registered: RegisteredClient;
    try {
      registered = await write(client, args.flag('replace'), opened.registry, io);
    } finally {
      opened.close();
    }
    if (place.kind === 'file') await warnIfOpenToAll(place.path, io);
    warnOfPeoplesScopes(registered.scope, io);
    if (args.flag('json')) printJson(registered, io);
    else io.stdout(`${registered.client_id}\n`);
    return EXIT.ok;
  },
};

/** A client that asks for itself speaks for nobody else (SMART App Launch 2.2, Backend Services: Scopes). */
function warnOfPeoplesScopes(scope: string, io: CommandIo): void {
  const useless = scope.split(' ').filter((each) => /^(?:patient|user)\//.test(each));
  if (useless.length === 0) return;
  io.stderr(`warning: ${useless.join(' ')}: a client by itself is granted system/ scopes alone\n`);
}

/** A client that is replaced keeps its tokens; one that is new has none of an earlier client of its id. */
async function write(
  client: RegisteredClient,
  replace: boolean,
  registry: ClientRegistry,
  io: CommandIo,
): Promise<RegisteredClient> {
  const known = replace ? await registry.find(client.client_id) : undefined;
  const issuedAt = known === undefined ? Math.floor(io.now() / 1000) : known.client_id_issued_at;
  const registered = { ...client, ...(issuedAt !== undefined && { client_id_issued_at: issuedAt }) };
  await (replace ? registry.replace(registered) : registry.add(registered));
  return registered;
}

async function keysOf(
  args: Arguments,
  io: CommandIo,
  deny: { readonly allowPublishedKeys: readonly string[] | undefined },
): Promise<Record<string, unknown>> {
  const file = args.text('jwks');
  const uri = args.text('jwks-uri');
  if ((file === undefined) === (uri === undefined)) throw new UsageError('one of --jwks and --jwks-uri is needed');
  if (file === undefined) return { jwks_uri: uri };
  const kidRule = args.oneOf('kid', ['rfc7638', 'pem-sha256']);
  return { jwks: createJwks(readKeys(await readText(file, io)), { ...deny, kidRule }) };
}
