import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { keyNamed } from './recorded-token.js';
import { readRecordedJson } from './recorded-case.js';

interface Reply {
  readonly status?: number;
  readonly type?: string;
  readonly text?: string;
  readonly body?: unknown;
  readonly location?: string;
}

interface KeySet extends Reply {
  /** Members of the set: a public key of keys.json by its name, or as they stand. */
  readonly keys?: readonly Readonly<Record<string, unknown>>[];
  readonly sameAs?: string;
  readonly requires?: Readonly<Record<string, string>>;
}

interface IntrospectionReply extends Reply {
  readonly hangUp?: boolean;
  readonly delayMs?: number;
  readonly credentials?: 'special' | 'special-unencoded';
}

interface Client {
  readonly clientId: string;
  readonly clientSecret: string;
}

const data = readRecordedJson('issuer.json') as {
  readonly clients: Readonly<Record<'usual' | 'special', Client>>;
  readonly keySets: Readonly<Record<string, KeySet>>;
  readonly introspection: Readonly<Record<string, IntrospectionReply>>;
};

export const USUAL_CLIENT: Client = data.clients.usual;

/**
 * The identity provider of the recorded cases: key sets at /jwks/NAME and an RFC 7662 endpoint at /introspect/NAME, each
 * answering as issuer.json says.
 */
export class RecordedIssuer {
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response));
  readonly #published = new Map<string, string>();

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  jwksUrl(name: string): string {
    return `${this.#base}/jwks/${name}`;
  }

  /** `closed` is an address where nobody listens. */
  introspectUrl(name: string): string {
    return name === 'closed' ? 'http://127.0.0.1:9/introspect' : `${this.#base}/introspect/${name}`;
  }

  /** Puts a key set of issuer.json at another name. */
  publish(name: string, keySet: string): void {
    this.#published.set(name, keySet);
  }

  get #base(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, kind, name = ''] = (request.url ?? '').split('/');
    if (kind === 'jwks') reply(response, this.#keySet(this.#published.get(name) ?? name, request));
    else if (kind === 'introspect') await introspect(request, response, data.introspection[name]);
    else reply(response, { status: 404, body: {} });
  }

  #keySet(name: string, request: IncomingMessage): Reply {
    const set = data.keySets[name];
    if (!set) return { status: 404, body: {} };
    const { sameAs, requires = {}, keys, ...rest } = set;
    const admitted = Object.entries(requires).every(([header, value]) => request.headers[header] === value);
    if (!admitted) return { status: 401, body: {} };
    if (sameAs !== undefined) return { ...this.#keySet(sameAs, request), ...rest };
    return keys ? { ...rest, body: { keys: keys.map(publicJwk) } } : rest;
  }
}

function publicJwk({ publicKey, certificate, ...rest }: Readonly<Record<string, unknown>>): unknown {
  return {
    ...(typeof publicKey === 'string' && keyNamed(publicKey).public),
    ...rest,
    ...(typeof certificate === 'string' && { x5c: keyNamed(certificate).x5c }),
  };
}

function reply(response: ServerResponse, { status = 200, type = 'application/json', ...rest }: Reply): void {
  response.writeHead(status, { 'content-type': type, ...(rest.location && { location: rest.location }) });
  response.end(rest.text ?? JSON.stringify(rest.body));
}

async function introspect(
  request: IncomingMessage,
  response: ServerResponse,
  answer: IntrospectionReply | undefined,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (!answer) reply(response, { status: 404, body: {} });
  else if (answer.hangUp) request.socket.destroy();
  else if (request.method !== 'POST') reply(response, { status: 405, body: {} });
  else if (request.headers.authorization !== expectedCredentials(answer.credentials))
    reply(response, { status: 401, body: { error: 'invalid_client' } });
  else if (!/^application\/x-www-form-urlencoded/.test(request.headers['content-type'] ?? ''))
    reply(response, { status: 415, body: {} });
  else if (new URLSearchParams(Buffer.concat(chunks).toString()).get('token')?.split('.').length !== 3)
    reply(response, { status: 400, body: { error: 'invalid_request' } });
  else {
    if (answer.delayMs !== undefined) await sleep(answer.delayMs);
    reply(response, answer);
  }
}

/** RFC 6749 §2.3.1 has both parts form-encoded; the ancestor's servers took them raw. */
function expectedCredentials(kind: IntrospectionReply['credentials']): string {
  const client = kind === undefined ? data.clients.usual : data.clients.special;
  const parts = [client.clientId, client.clientSecret];
  const written = kind === 'special' ? parts.map((part) => encodeURIComponent(part).replaceAll('%20', '+')) : parts;
  return `Basic ${Buffer.from(written.join(':')).toString('base64')}`;
}
