import { createPublicKey } from 'node:crypto';
import { jwtVerify } from 'jose';
import type { JWTPayload, JWTHeaderParameters } from 'jose';
import type { GeneratedKey } from '../../../src/backend-services/keys/generate.js';
import type { SeenRequest, TestListener, TestServer } from '../http-server.js';
import { sendJson, startServer } from '../http-server.js';

/** One token request, with its assertion verified by jose. */
export interface SeenTokenRequest {
  readonly request: SeenRequest;
  readonly form: URLSearchParams;
  readonly header: JWTHeaderParameters;
  readonly payload: JWTPayload;
}

export interface SmartServer extends TestServer {
  readonly fhirBase: string;
  readonly tokenEndpoint: string;
  readonly tokenRequests: SeenTokenRequest[];
  /** Requests to the FHIR server, discovery aside. */
  readonly fhirRequests: SeenRequest[];
  /** What the token endpoint does in place of issuing a token; shifted off, one a request. */
  readonly tokenAnswers: TestListener[];
  /** What the FHIR server does in place of answering 200. */
  readonly fhirAnswers: TestListener[];
  /** Tokens that the FHIR server refuses as invalid. */
  readonly revoked: Set<string>;
  /** Overrides members of the next token answers. */
  tokenBody: Record<string, unknown>;
  configuration: Record<string, unknown>;
}

/**
 * An authorization server and a FHIR server on one port: `/apis/fhir` and `/auth/token`. Every assertion is verified with
 * the client's public key, by jose, before anything else happens.
 */
export async function startSmartServer(key: GeneratedKey): Promise<SmartServer> {
  const publicKey = createPublicKey(key.publicPem);
  const tokenRequests: SeenTokenRequest[] = [];
  const fhirRequests: SeenRequest[] = [];
  const tokenAnswers: TestListener[] = [];
  const fhirAnswers: TestListener[] = [];
  const revoked = new Set<string>();
  let issued = 0;
  const http = await startServer(async (request, response) => {
    if (request.url === '/apis/fhir/.well-known/smart-configuration') {
      sendJson(response, 200, server.configuration);
    } else if (request.url.startsWith('/auth/token')) {
      const form = new URLSearchParams(request.body);
      const { payload, protectedHeader } = await jwtVerify(form.get('client_assertion') ?? '', publicKey, {
        algorithms: [key.alg],
        clockTolerance: '100 years',
      });
      tokenRequests.push({ request, form, header: protectedHeader, payload });
      const answer = tokenAnswers.shift();
      if (answer !== undefined) return answer(request, response);
      issued += 1;
      sendJson(response, 200, {
        access_token: `token-${issued}`,
        token_type: 'Bearer',
        expires_in: 300,
        scope: form.get('scope'),
        ...server.tokenBody,
      });
    } else {
      fhirRequests.push(request);
      const answer = fhirAnswers.shift();
      if (answer !== undefined) return answer(request, response);
      if (revoked.has(request.headers.authorization?.replace('Bearer ', '') ?? '')) {
        sendJson(response, 401, {}, { 'www-authenticate': 'Bearer error="invalid_token"' });
      } else sendJson(response, 200, { resourceType: 'Patient' });
    }
    return undefined;
  });
  const server: SmartServer = {
    ...http,
    fhirBase: `${http.origin}/apis/fhir`,
    tokenEndpoint: `${http.origin}/auth/token`,
    tokenRequests,
    fhirRequests,
    tokenAnswers,
    fhirAnswers,
    revoked,
    tokenBody: {},
    configuration: { token_endpoint: `${http.origin}/auth/token`, capabilities: ['client-confidential-asymmetric'] },
  };
  return server;
}
