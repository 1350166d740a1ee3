// FHIR servers that guard nothing, as a gateway finds them: known by a URL alone.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Clinic } from '../http/clinic.js';
import { closed, listening, originOf } from '../http/clinic.js';
import type { Beside } from '../http/hosts.js';

export interface RunningUpstream {
  /** `http://127.0.0.1:PORT/upstream/r4` */
  readonly base: string;
  readonly server: Server;
  readonly close: () => Promise<void>;
}

type Json = Readonly<Record<string, unknown>>;

/** The path is another than that of the gateway, so that no URL fits by accident. */
const PATH = '/upstream/r4';

/** A clinic on HTTP: with ETags, Location, and absolute links to itself. */
export async function clinicUpstream(
  clinic: Clinic,
  seen: (request: IncomingMessage) => void = () => undefined,
  beside: Beside = () => false,
): Promise<RunningUpstream> {
  const server = await listening(
    createServer((request, response) => {
      seen(request);
      void answer(clinic, `${originOf(server)}${PATH}`, request, response, beside);
    }),
  );
  return { base: `${originOf(server)}${PATH}`, server, close: () => closed(server) };
}

async function answer(
  clinic: Clinic,
  base: string,
  request: IncomingMessage,
  response: ServerResponse,
  beside: Beside,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const { method = '', url = '', headers } = request;
  const below = url.slice(PATH.length);
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded');
  const body: unknown =
    text === '' ? undefined : isForm ? Object.fromEntries(new URLSearchParams(text)) : JSON.parse(text);
  if (below.startsWith('/metadata')) {
    send(response, 404, { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'not-found' }] });
    return;
  }
  if (beside(below, request, response, body)) return;
  const { status, resource } = await clinic.execute(method, below, body, headers);
  const { meta, resourceType, id } = resource as { meta?: Json; resourceType: string; id?: string };
  if (typeof meta?.['versionId'] === 'string') response.setHeader('etag', `W/"${meta['versionId']}"`);
  if (typeof meta?.['lastUpdated'] === 'string') {
    response.setHeader('last-modified', new Date(meta['lastUpdated']).toUTCString());
  }
  if (status === 201) response.setHeader('location', `${base}/${resourceType}/${id ?? ''}/_history/1`);
  response.setHeader('server', 'clinic').setHeader('set-cookie', 'session=1');
  send(response, status, withOwnUrls(resource as Json, base));
}

/** As servers do it: fullUrls and links are absolute. */
function withOwnUrls(resource: Json, base: string): Json {
  if (resource['resourceType'] !== 'Bundle' || !Array.isArray(resource['entry'])) return resource;
  const entry = (resource['entry'] as readonly Json[]).map((each) => {
    const resource = each['resource'] as { resourceType: string; id: string } | undefined;
    return resource ? { ...each, fullUrl: `${base}/${resource.resourceType}/${resource.id}` } : each;
  });
  return { ...resource, entry };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/fhir+json').end(JSON.stringify(body));
}
