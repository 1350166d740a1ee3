import { expect } from 'chai';
import { createHttpServer } from '../../../src/backend-services/oidc-provider.js';
import { thrown } from '../thrown.js';

describe('createHttpServer', () => {
  it('bounds headers, requests and idle connections, tighter than Node by itself', () => {
    const server = createHttpServer(() => undefined);
    expect(server).to.include({ headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5_000 });
  });

  it('takes timeouts of its own within bounds', async () => {
    const timeouts = { headersTimeoutSeconds: 1, requestTimeoutSeconds: 2, keepAliveTimeoutSeconds: 3 };
    expect(createHttpServer(() => undefined, timeouts)).to.include({ headersTimeout: 1000, requestTimeout: 2000 });
    for (const bad of [
      { headersTimeoutSeconds: 0 },
      { headersTimeoutSeconds: 301 },
      { requestTimeoutSeconds: NaN },
      { keepAliveTimeoutSeconds: -1 },
      { headersTimeoutSeconds: 20, requestTimeoutSeconds: 10 },
    ]) {
      expect(await thrown(() => createHttpServer(() => undefined, bad)), JSON.stringify(bad)).to.be.instanceOf(
        TypeError,
      );
    }
  });
});
