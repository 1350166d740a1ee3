// One process of an authorization server that has several: state and clients in Redis, the issuer that of the balancer.
import { createServer } from 'node:http';
import { Redis } from 'ioredis';
import {
  createRedisStore,
  createSmartAuthorizationServer,
  createStoredClientRegistry,
} from '../../../src/backend-services/oidc-provider.js';
import type { SmartAuthorizationServerOptions } from '../../../src/backend-services/oidc-provider.js';
import { formThen } from './interaction-page.js';
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
    interaction: formThen((interaction) =>
      interaction.complete({ accountId: 'u1', fhirUser: 'Practitioner/p1', patient: '123' }),
    ),
  },
});
const http = createServer(server.callback());
process.send?.({ origin: await listen(http) });
process.once('disconnect', () => {
  process.exit(0);
});
