// A small FHIR server that knows nothing of authorization, behind the guard of this package.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { RequestListener, ServerResponse } from 'node:http';
import express from 'express';
import { smartFhirExpress } from '../../../src/http/express.js';
import type { ExpressRequest } from '../../../src/http/express.js';
import { FULL_RULE, SMARTHandler } from '../../../src/index.js';
import type { SmartAuthorizationServer } from '../../../src/backend-services/oidc-provider.js';
import { close, listen } from '../authorization-server/running-server.js';

interface Resource {
  readonly resourceType: string;
  readonly id: string;
}

/** Official example resources: two patients, and what is known about them. */
const RESOURCES: readonly Resource[] = [
  'Patient-example',
  'Patient-f001',
  'Observation-example',
  'Observation-f001',
  'Observation-f002',
  'Practitioner-example',
].map((name) => {
  const file = new URL(`../../../docs/examples/data/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as Resource;
});

export interface FhirServer {
  /** `http://127.0.0.1:PORT/r4` */
  readonly base: string;
  /** Paths that came through the guard. */
  readonly served: string[];
  /** Names the authorization server, which has to know the base first. */
  trust(authorizationServer: SmartAuthorizationServer): void;
  close(): Promise<void>;
}

export async function startFhirServer(): Promise<FhirServer> {
  const served: string[] = [];
  const app = express();
  const http = createServer(app as unknown as RequestListener);
  const base = `${await listen(http)}/r4`;

  return {
    base,
    served,
    trust(as) {
      const handler = new SMARTHandler(
        {
          version: 1,
          scopeKey: 'scope',
          scopeRule: { patient: FULL_RULE, user: FULL_RULE, system: FULL_RULE },
          expectedAudValue: base,
          expectedIssValue: as.issuer,
          fhirUserClaimPath: 'fhirUser',
          launchContextPathPrefix: 'launch_response_',
          jwksEndpoint: as.endpoints.jwks,
        },
        base,
        '4.0.1',
        // Nobody is an admin: a practitioner sees what refers to them.
        [],
      );
      app.use('/r4', allowBrowsers);
      app.use('/r4', smartFhirExpress(handler, { baseUrl: base, fhirVersion: '4.0.1' }) as never);
      app.use('/r4', ((request: ExpressRequest, response: ServerResponse) => {
        const [path = '', query = ''] = (request.url ?? '').slice(1).split('?');
        if (path === '.well-known/smart-configuration') {
          sendJson(response, 200, as.smartConfiguration());
          return;
        }
        served.push(query === '' ? path : `${path}?${query}`);
        const [type, id] = path.split('/');
        const found = RESOURCES.filter(({ resourceType }) => resourceType === type);
        if (id === undefined) {
          // Everything of the type, whatever was asked: the guard has to filter it.
          const entry = found.map((resource) => ({ resource, search: { mode: 'match' } }));
          sendJson(response, 200, { resourceType: 'Bundle', type: 'searchset', total: entry.length, entry });
          return;
        }
        const resource = found.find((each) => each.id === id);
        sendJson(response, resource ? 200 : 404, resource ?? { resourceType: 'OperationOutcome', issue: [] });
      }) as never);
    },
    close: () => close(http),
  };
}

/** SMART App Launch 2.2, Considerations for Cross-Origin Resource Sharing. */
function allowBrowsers(request: ExpressRequest, response: ServerResponse, next: () => void): void {
  response.setHeader('access-control-allow-origin', '*');
  if (request.method !== 'OPTIONS') {
    next();
    return;
  }
  response.setHeader('access-control-allow-headers', 'authorization, content-type, accept');
  response.setHeader('access-control-max-age', '600');
  response.setHeader('access-control-allow-methods', 'GET, POST, PUT, DELETE');
  response.writeHead(204).end();
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
