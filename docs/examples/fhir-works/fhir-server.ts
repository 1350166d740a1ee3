import { readdirSync, readFileSync } from 'node:fs';
import type { RequestListener, Server } from 'node:http';
import { BASE_R4_RESOURCES, type FhirConfig } from 'fhir-works-on-aws-interface';
import { generateServerlessRouter } from 'fhir-works-on-aws-routing';
import { SMARTHandler, type DecisionEvent, type SMARTConfig } from '../../../src/index.js';
import type { SmartAuthorizationServer } from '../../../src/backend-services/oidc-provider.js';
import { historyOf } from './history.js';
import { bundlesOf, persistenceOf } from './persistence.js';
import { searchOf } from './search.js';
import { ResourceStore, type FhirResource } from './store.js';

/** What tokens look like here, and what their scopes open. */
export function smartConfigOf({ issuer, endpoints }: SmartAuthorizationServer, fhirBase: string): SMARTConfig {
  return {
    version: 1,
    scopeKey: 'scope',
    // Which interactions a scope opens. A patient's app may add and correct, but not delete. `transaction` lets a Bundle
    // in, batch or transaction; each of its entries must be covered besides.
    scopeRule: {
      patient: {
        read: ['read', 'vread', 'search-type', 'search-system', 'history-instance', 'transaction'],
        write: ['create', 'update', 'transaction'],
      },
      user: {
        read: [
          'read',
          'vread',
          'search-type',
          'search-system',
          'history-instance',
          'history-type',
          'history-system',
          'transaction',
        ],
        write: ['create', 'update', 'delete', 'transaction'],
      },
      system: { read: ['read', 'vread', 'search-type'], write: [] },
    },
    expectedIssValue: issuer,
    expectedAudValue: fhirBase,
    fhirUserClaimPath: 'fhirUser',
    launchContextPathPrefix: 'launch_response_',
    jwksEndpoint: endpoints.jwks,
  };
}

/** Attaches a FHIR R4 server, guarded by SMARTHandler, to an open port. */
export function serveFhir(
  server: Server,
  fhirBase: string,
  authorizationServer: SmartAuthorizationServer,
  onDecision: (event: DecisionEvent) => void,
): ResourceStore {
  const { endpoints } = authorizationServer;
  const store = new ResourceStore();
  const smartConfig = smartConfigOf(authorizationServer, fhirBase);

  // The router tells only what a resource shall become. The lookup tells what it is, so that nobody takes over a
  // resource of somebody else by writing oneself into it.
  const handler = new SMARTHandler(smartConfig, fhirBase, '4.0.1', undefined, undefined, undefined, {
    lookup: (resourceType, id, versionId) => store.find(resourceType, id, versionId),
    onDecision,
  });

  const [search, history] = [searchOf(store), historyOf(store, fhirBase)];
  const config: FhirConfig = {
    configVersion: 1,
    productInfo: { orgName: 'smart-fhir-authz example' },
    auth: {
      authorization: handler,
      strategy: {
        service: 'SMART-on-FHIR',
        oauthPolicy: {
          authorizationEndpoint: endpoints.authorization,
          tokenEndpoint: endpoints.token,
          capabilities: [],
        },
      },
    },
    server: { url: fhirBase },
    validators: [],
    profile: {
      fhirVersion: '4.0.1',
      systemOperations: ['transaction', 'batch', 'search-system', 'history-system'],
      bundle: bundlesOf(store),
      systemSearch: search,
      systemHistory: history,
      genericResource: {
        operations: ['create', 'read', 'vread', 'update', 'delete', 'search-type', 'history-instance', 'history-type'],
        fhirVersions: ['4.0.1'],
        persistence: persistenceOf(store),
        typeSearch: search,
        typeHistory: history,
      },
    },
  };
  const router = generateServerlessRouter(config, BASE_R4_RESOURCES) as RequestListener;
  // Clients look for the authorization server here, and it knows best what it can do.
  const smartConfiguration = authorizationServer.callback();
  server.on('request', (request, response) => {
    if (request.url === '/.well-known/smart-configuration') smartConfiguration(request, response);
    else router(request, response);
  });
  return store;
}

/** Official HL7 example resources (CC0); their ids stay as published. */
export function loadExamples(store: ResourceStore): number {
  const folder = new URL('../data/', import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  for (const file of files) {
    const resource = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as FhirResource;
    store.create(resource, resource.id);
  }
  return files.length;
}
