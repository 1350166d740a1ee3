import { expect } from 'chai';
import type { GatewayOptions } from '../../src/gateway/index.js';
import { BASE, Issuer } from '../http/clinic.js';
import type { Answered, Sent } from '../http/send.js';
import { send } from '../http/send.js';
import type { Fake, OpenGateway } from './open-gateway.js';
import { fakeUpstream, openGateway } from './open-gateway.js';

type Json = Readonly<Record<string, unknown>>;

const CONFIGURATION = {
  issuer: 'https://idp.example.org',
  authorization_endpoint: 'https://idp.example.org/authorize',
  token_endpoint: 'https://idp.example.org/token',
  revocation_endpoint: 'https://idp.example.org/revoke',
  capabilities: ['launch-standalone', 'permission-v2'],
  grant_types_supported: ['authorization_code', 'client_credentials'],
  code_challenge_methods_supported: ['S256'],
};

const INTERACTIONS = [{ code: 'read' }, { code: 'search-type' }];

describe('what a gateway tells everybody', () => {
  let issuer: Issuer;
  let upstream: Fake;
  let provider: Fake;
  let gateway: OpenGateway;
  let statement: (base: string) => { readonly status: number; readonly body: unknown };
  let published: Json | undefined;

  const own = (base: string): Json => ({
    resourceType: 'CapabilityStatement',
    id: 'inner',
    url: `${base}/metadata`,
    status: 'active',
    kind: 'instance',
    fhirVersion: '4.0.1',
    software: { name: 'inner server' },
    implementation: { description: 'The hospital', url: base },
    format: ['application/fhir+xml', 'application/fhir+json', 'json'],
    patchFormat: ['application/fhir+json', 'application/json-patch+json'],
    rest: [
      {
        mode: 'server',
        security: { cors: true, service: [{ text: 'Basic' }], description: 'ask the administrator' },
        resource: [
          {
            type: 'Observation',
            interaction: INTERACTIONS,
            searchParam: [
              { name: 'patient', type: 'reference' },
              { name: 'status', type: 'token' },
            ],
          },
        ],
        interaction: [{ code: 'transaction' }],
      },
      { mode: 'client' },
    ],
  });

  before(async () => {
    issuer = await Issuer.open();
    upstream = await fakeUpstream((request, response) => {
      response.setHeader('content-type', 'application/fhir+json');
      if (!request.url?.startsWith('/upstream/r4/metadata')) {
        response.end(JSON.stringify({ resourceType: 'Bundle', type: 'searchset', entry: [] }));
        return;
      }
      const { status, body } = statement(upstream.base);
      response.statusCode = status;
      response.end(JSON.stringify(body));
    });
    provider = await fakeUpstream((_request, response) => {
      response.statusCode = published ? 200 : 503;
      response.setHeader('content-type', 'application/json').end(JSON.stringify(published ?? {}));
    });
  });

  beforeEach(() => {
    statement = (base) => ({ status: 200, body: own(base) });
    published = CONFIGURATION;
    upstream.seen.length = 0;
    provider.seen.length = 0;
  });

  afterEach(() => gateway.close());

  after(async () => {
    await upstream.close();
    await provider.close();
    await issuer.close();
  });

  const open = async (options: Partial<GatewayOptions> = {}): Promise<void> => {
    gateway = await openGateway(issuer.handler(), upstream, options);
  };
  const get = (path: string, sent: Sent = {}): Promise<Answered> => send(gateway, path, sent);

  describe('/metadata', () => {
    it("is upstream's CapabilityStatement, with SMART on FHIR for its security", async () => {
      await open({ smartConfiguration: CONFIGURATION });
      const { status, json, headers } = await get('/metadata');
      expect(status).to.equal(200);
      expect(headers['cache-control']).to.equal('public, max-age=60');
      const rest = json['rest'] as readonly Json[];
      expect(rest[0]?.['resource']).to.deep.equal((own('')['rest'] as Json[])[0]?.['resource']);
      expect(rest[0]?.['interaction']).to.deep.equal([{ code: 'transaction' }]);
      expect(rest[1]).to.deep.equal({ mode: 'client' });
      const security = rest[0]?.['security'] as Json;
      expect(security).to.have.nested.property('service[0].coding[0].code', 'SMART-on-FHIR');
      expect(security['extension']).to.deep.equal([
        {
          url: 'http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris',
          extension: [
            { url: 'authorize', valueUri: 'https://idp.example.org/authorize' },
            { url: 'token', valueUri: 'https://idp.example.org/token' },
            { url: 'revoke', valueUri: 'https://idp.example.org/revoke' },
          ],
        },
      ]);
      expect(json['implementation']).to.deep.equal({ description: 'The hospital', url: BASE });
      expect(json['format']).to.deep.equal(['application/fhir+json', 'json']);
      expect(json['patchFormat']).to.deep.equal(['application/json-patch+json']);
      expect(JSON.stringify(json)).to.not.include('administrator');
    });

    it('is asked for once in a while, without any token, and in JSON alone', async () => {
      await open();
      const token = await issuer.token('system/*.rs');
      await Promise.all([1, 2, 3, 4].map(() => get('/metadata', { token })));
      expect((await get('/metadata?_format=json')).status).to.equal(200);
      expect((await get('/metadata?_format=xml')).status).to.equal(406);
      expect((await get('/metadata', { method: 'POST' })).status).to.equal(405);
      expect(upstream.seen).to.have.length(1);
      expect(upstream.seen[0]?.headers).to.not.have.property('authorization');
    });

    it('says what it can for an upstream that says nothing, and 502 for one that says something else', async () => {
      statement = () => ({ status: 404, body: {} });
      await open({ smartConfiguration: CONFIGURATION });
      const bare = await get('/metadata');
      expect(bare.status).to.equal(200);
      expect(bare.json).to.include({ resourceType: 'CapabilityStatement', fhirVersion: '4.0.1', kind: 'instance' });
      expect(bare.json).to.have.nested.property('rest[0].security.service[0].coding[0].code', 'SMART-on-FHIR');
      await gateway.close();
      for (const [status, body] of [
        [500, {}],
        [401, {}],
        [200, { resourceType: 'Patient', id: 'bob' }],
        [200, []],
      ] as const) {
        statement = () => ({ status, body });
        await open();
        const answer = await get('/metadata');
        expect([answer.status, answer.text.includes('bob')]).to.deep.equal([502, false]);
        await gateway.close();
      }
      await open();
    });
  });

  describe('/.well-known/smart-configuration', () => {
    it('is what the options say', async () => {
      await open({ smartConfiguration: CONFIGURATION });
      const { status, json, headers } = await get('/.well-known/smart-configuration');
      expect([status, json]).to.deep.equal([200, CONFIGURATION]);
      expect(headers['content-type']).to.equal('application/json');
    });

    it('is what the authorization server says, without what is not for here, and with what the options add', async () => {
      published = { ...CONFIGURATION, signed_metadata: 'x', userinfo_endpoint: 'https://idp.example.org/me' };
      const smartConfigurationUrl = `${provider.base}/.well-known/openid-configuration`;
      await open({ smartConfigurationUrl, smartConfiguration: { capabilities: ['permission-v1'] } });
      const { json } = await get('/.well-known/smart-configuration');
      expect(json).to.deep.equal({ ...CONFIGURATION, capabilities: ['permission-v1'] });
      await get('/.well-known/smart-configuration');
      await get('/metadata');
      expect(provider.seen).to.have.length(1);
    });

    it('is 502 without the authorization server, and /metadata goes on without its addresses', async () => {
      published = undefined;
      await open({ smartConfigurationUrl: provider.base });
      expect((await get('/.well-known/smart-configuration')).status).to.equal(502);
      const { status, json } = await get('/metadata');
      expect(status).to.equal(200);
      expect(json).to.have.nested.property('rest[0].security').and.not.have.property('extension');
    });

    it('is not there where nobody says anything', async () => {
      await open();
      expect((await get('/.well-known/smart-configuration')).status).to.equal(404);
    });
  });

  describe('browsers', () => {
    const origin = 'https://app.example.org';

    it('of listed origins may read answers and errors, with any header that FHIR has', async () => {
      await open({ corsOrigins: [origin] });
      const preflight = await get('/Observation/1', {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization' },
      });
      expect(preflight.status).to.equal(204);
      expect(preflight.headers['access-control-allow-origin']).to.equal(origin);
      expect(preflight.headers['access-control-allow-headers'])
        .to.include('authorization')
        .and.include('if-none-exist');
      expect(preflight.headers['access-control-allow-methods']).to.include('PUT');
      expect(preflight.headers).to.not.have.property('access-control-allow-credentials');
      for (const path of ['/Observation', '/metadata', '/nonsense']) {
        const answer = await get(path, { headers: { origin } });
        expect(answer.headers['access-control-allow-origin'], path).to.equal(origin);
        expect(answer.headers['vary'], path).to.equal('origin');
      }
      const other = await get('/metadata', { headers: { origin: 'https://evil.example.org' } });
      expect(other.headers).to.not.have.property('access-control-allow-origin');
      expect(upstream.seen.map(({ method }) => method)).to.not.include('OPTIONS');
    });

    it('of all origins, or of none', async () => {
      await open({ corsOrigins: '*' });
      expect((await get('/metadata', { headers: { origin } })).headers['access-control-allow-origin']).to.equal('*');
      await gateway.close();
      await open();
      expect((await get('/metadata', { headers: { origin } })).headers).to.not.have.property(
        'access-control-allow-origin',
      );
    });
  });

  describe('a search', () => {
    const search = async (scope: string, path: string): Promise<string | undefined> => {
      const token = await issuer.token(scope, { launch_response_patient: 'Patient/alice' });
      upstream.seen.length = 0;
      expect((await get(path, { token })).status).to.equal(200);
      return upstream.seen.find(({ url }) => !url.includes('/metadata'))?.url.replace('/upstream/r4', '');
    };

    it("is narrowed to the caller's compartment by a parameter that upstream follows", async () => {
      await open({ narrowSearch: { mode: 'compartment' } });
      expect(await search('patient/*.rs', '/Observation?status=final')).to.match(
        /^\/Observation\?status=final&patient=(?:Patient%2F)?alice$/,
      );
      expect(await search('patient/*.rs', '/Condition')).to.equal('/Condition');
      expect(await search('system/*.rs', '/Observation')).to.equal('/Observation');
    });

    it('is not narrowed without that option, nor where upstream lists nothing', async () => {
      await open();
      expect(await search('patient/*.rs', '/Observation')).to.equal('/Observation');
      await gateway.close();
      statement = () => ({ status: 404, body: {} });
      await open({ narrowSearch: { mode: 'compartment' } });
      expect(await search('patient/*.rs', '/Observation')).to.equal('/Observation');
      await gateway.close();
      await open({ narrowSearch: { mode: 'compartment', supports: { Observation: ['patient'] } } });
      expect(await search('patient/*.rs', '/Observation')).to.match(/alice$/);
    });
  });
});
