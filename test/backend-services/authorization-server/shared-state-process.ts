// One process of an authorization server that has several: state and clients in Redis, the issuer that of the balancer.
import { createServer } from 'node:http';
import { Redis } from 'ioredis';
import {
  createRedisStore,
  createSmartAuthorizationServer,
  createStoredClientRegistry,
} from '../../../src/backend-services/oidc-provider.js';
import type { SmartAuthorizationServerOptions } from '../../../src/backend-services/oidc-provider.js';
import { FHIR_BASE, listen } from './running-server.js';

const [url = '', issuer = '', signingKeys = ''] = process.argv.slice(2);
const store = createRedisStore(new Redis(url, { maxRetriesPerRequest: 1 }));
const server = createSmartAuthorizationServer({
  issuer,
  fhirBaseUrl: FHIR_BASE,
  clients: createStoredClientRegistry(store),
  signingKeys: JSON.parse(signingKeys) as SmartAuthorizationServerOptions['signingKeys'],
  introspection: { callers: [{ clientId: 'rs', clientSecret: 'a-secret-of-the-resource-server' }] },
  store,
  launch: {
    interaction: async (request, response, interaction) => {
      if (request.method === 'POST') {
        request.resume();
        await interaction.complete({ accountId: 'u1', fhirUser: 'Practitioner/p1', patient: '123' });
        return;
      }
      response.setHeader('content-type', 'text/html').end('<form method="post">');
    },
  },
});
const http = createServer(server.callback());
process.send?.({ origin: await listen(http) });
process.once('disconnect', () => {
  process.exit(0);
});
