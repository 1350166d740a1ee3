// A bulk data server in memory that asks nobody who they are, and exports whatever it was told to hold.
import { Readable } from 'node:stream';
import { BASE } from './clinic.js';
import type { Beside } from './hosts.js';

interface Started {
  /** As it was asked: path and query, and the parameters of a POST. */
  readonly asked: string;
  readonly prefer: string | undefined;
  readonly body: unknown;
  polls: number;
}

type Lists = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;

export class Exporter {
  readonly started: Started[] = [];
  /** By path below the base. */
  readonly files = new Map<string, string | (() => Iterable<string | Buffer>)>();
  /** What the manifest lists. */
  lists: Lists = {};
  requiresAccessToken = true;
  contentLocation = (job: number): string => `${BASE}/poll?_jobId=${job}`;
  /** The Accept headers of those who fetched files. */
  readonly accepted: unknown[] = [];

  /** A file with resources, one a line. */
  file(path: string, ...resources: readonly unknown[]): void {
    this.files.set(path, resources.map((each) => `${JSON.stringify(each)}\n`).join(''));
  }

  readonly serve: Beside = (url, request, response, body) => {
    const [path = '', query = ''] = url.split('?');
    if (path.endsWith('/$export') || path === '/$export') {
      const { prefer } = request.headers;
      const job = this.started.push({ asked: url, prefer: prefer as string | undefined, body, polls: 0 }) - 1;
      response.writeHead(202, { 'content-location': this.contentLocation(job), 'x-secret': 'SECRET-bob' }).end();
      return true;
    }
    if (path === '/poll') {
      const job = this.started[Number(/^_jobId=(\d+)$/.exec(query)?.[1])];
      if (!job) response.writeHead(404).end();
      else if (request.method === 'DELETE') {
        Reflect.deleteProperty(this.started, this.started.indexOf(job));
        response.writeHead(202).end();
      } else if ((job.polls += 1) === 1) {
        response.writeHead(202, { 'x-progress': 'half', 'retry-after': '1', 'x-secret': 'SECRET-bob' }).end();
      } else {
        const manifest = {
          transactionTime: '2026-01-01T00:00:00Z',
          request: 'http://inside/$export',
          requiresAccessToken: this.requiresAccessToken,
          extension: { secret: 'SECRET-bob' },
          ...this.lists,
        };
        response.setHeader('content-type', 'application/json').setHeader('expires', 'Thu, 01 Jan 2026 00:00:00 GMT');
        response.end(JSON.stringify(manifest));
      }
      return true;
    }
    const file = this.files.get(path);
    if (file === undefined) return false;
    this.accepted.push([request.headers.accept, request.headers['accept-encoding']]);
    response.writeHead(200, { 'content-type': 'application/fhir+ndjson', etag: '"1"', 'x-secret': 'SECRET-bob' });
    if (typeof file === 'string') response.end(file);
    else Readable.from(file()).pipe(response);
    return true;
  };
}
