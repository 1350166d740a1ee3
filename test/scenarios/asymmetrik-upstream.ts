// The same world behind @asymmetrik/node-fhir-server-core: an older server, with routes and answers of its own.
import { createRequire } from 'node:module';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer } from 'node:http';
import type { Clinic, Executed } from '../http/clinic.js';
import { closed, listening, originOf } from '../http/clinic.js';

interface Context {
  readonly req: IncomingMessage & { readonly body?: unknown; readonly query: Readonly<Record<string, unknown>> };
}
type Args = Readonly<Record<string, string>>;
type Call = (args: Args, context: Context) => Promise<unknown>;

interface Core {
  readonly initialize: (config: unknown) => { readonly app: RequestListener };
  readonly ServerError: new (message: string, options: unknown) => Error;
}

const VERSION = '4_0_1';

/** Starts it; types are those that it serves. */
export async function asymmetrikUpstream(
  clinic: Clinic,
  types: readonly string[],
): Promise<{ readonly base: string; readonly failures: () => number; readonly close: () => Promise<void> }> {
  const { initialize, ServerError } = createRequire(import.meta.url)('@asymmetrik/node-fhir-server-core') as Core;

  const execute = async (method: string, path: string, body?: unknown): Promise<Executed['resource']> => {
    const headers = method === 'PATCH' ? { 'content-type': 'application/json-patch+json' } : {};
    const { status, resource } = await clinic.execute(method, `/${path}`, body, headers);
    if (status < 400) return resource;
    const { issue } = resource as { readonly issue: unknown };
    throw new ServerError('failed', { statusCode: status, issue });
  };
  const serviceOf = (type: string): Readonly<Record<string, Call>> => {
    const found = async (answer: Promise<unknown>): Promise<unknown> => answer;
    const written = async (answer: Promise<unknown>): Promise<unknown> => {
      const { id, meta } = (await answer) as { id: string; meta?: { versionId?: string } };
      return { id, resource_version: meta?.versionId };
    };
    return {
      search: async (_args, { req }) => found(execute('GET', `${type}${queryOf(req)}`)),
      searchById: async ({ id = '' }) => found(execute('GET', `${type}/${id}`)),
      searchByVersionId: async ({ id = '', version_id: vid = '' }) =>
        found(execute('GET', `${type}/${id}/_history/${vid}`)),
      historyById: async ({ id = '' }) => found(execute('GET', `${type}/${id}/_history`)),
      create: async (_args, { req }) => written(execute('POST', type, req.body)),
      update: async ({ id = '' }, { req }) => written(execute('PUT', `${type}/${id}`, req.body)),
      remove: async ({ id = '' }) => {
        await execute('DELETE', `${type}/${id}`);
        return {};
      },
    };
  };
  const profiles = Object.fromEntries(
    types.map((type) => [type.toLowerCase(), { service: serviceOf(type), versions: [VERSION] }]),
  );
  const { app } = initialize({ profiles, logging: { level: 'emerg' }, server: {} });
  // It spells the types of its routes as its configuration does, and compares them without regard to case.
  let failures = 0;
  const server = await listening(
    createServer((request, response) => {
      response.on('finish', () => {
        if (response.statusCode >= 500) failures += 1;
      });
      app(request, response);
    }),
  );
  return { base: `${originOf(server)}/${VERSION}`, failures: () => failures, close: () => closed(server) };
}

function queryOf({ url = '', body, method }: Context['req']): string {
  const [, query = ''] = url.split('?');
  const form = method === 'POST' && typeof body === 'object' ? new URLSearchParams(body as Record<string, string>) : '';
  const all = [query, String(form)].filter((each) => each !== '').join('&');
  return all === '' ? '' : `?${all}`;
}
