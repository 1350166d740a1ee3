import { expect } from 'chai';
import type { GatewayOptions } from '../../src/gateway/index.js';
import { createGateway } from '../../src/gateway/index.js';
import { gatewaySettings } from '../../src/gateway/options.js';
import { ConfigError, SMARTHandler } from '../../src/index.js';
import { configTrusting } from '../http/clinic.js';

type Wrong = Readonly<Record<string, unknown>>;

const RIGHT: GatewayOptions = {
  baseUrl: 'https://fhir.example.org/r4',
  fhirVersion: '4.0.1',
  upstream: 'http://inner:8080/fhir',
};

describe('the options of a gateway', () => {
  const handler = new SMARTHandler(configTrusting('https://idp.example.org/jwks'), RIGHT.baseUrl, '4.0.1');

  const wrong: readonly (readonly [string, Wrong])[] = [
    ['baseUrl', { baseUrl: 'fhir.example.org' }],
    ['fhirVersion', { fhirVersion: '4' }],
    ['maxBodyBytes', { maxBodyBytes: 1 }],
    ['upstream', { upstream: undefined }],
    ['upstream', { upstream: 'ftp://inner/fhir' }],
    ['upstream', { upstream: 'http://user:password@inner/fhir' }],
    ['upstream', { upstream: 'http://inner/fhir?x' }],
    ['upstreamNames', { upstreamNames: ['http://a', 'b'] }],
    ['upstreamHeaders', { upstreamHeaders: 'x' }],
    ['upstreamHeaders', { upstreamHeaders: { 'a b': 'SECRET' } }],
    ['upstreamHeaders.x', { upstreamHeaders: { x: 'SECRET\r\ny: z' } }],
    ['upstreamHeaders.Host', { upstreamHeaders: { Host: 'SECRET' } }],
    ['upstreamHeaders.If-Match', { upstreamHeaders: { 'If-Match': 'SECRET' } }],
    ['upstreamHeaders.transfer-encoding', { upstreamHeaders: { 'transfer-encoding': 'SECRET' } }],
    ['forwardAuthorization', { forwardAuthorization: 'no' }],
    ['bindsVersion', { bindsVersion: 0 }],
    ['upstreamConnections', { upstreamConnections: 0 }],
    ['connectTimeoutMs', { connectTimeoutMs: 60_001 }],
    ['upstreamTimeoutMs', { upstreamTimeoutMs: 1.5 }],
    ['maxResponseBytes', { maxResponseBytes: 1023 }],
    ['maxBinaryBytes', { maxBinaryBytes: Number.NaN }],
    ['maxConcurrentRequests', { maxConcurrentRequests: '5' }],
    ['headersTimeoutMs', { headersTimeoutMs: 9 }],
    ['requestTimeoutMs', { requestTimeoutMs: 5000 }],
    ['keepAliveTimeoutMs', { keepAliveTimeoutMs: 300_001 }],
    ['drainTimeoutMs', { drainTimeoutMs: -1 }],
    ['healthPath', { healthPath: '/health/' }],
    ['healthPath', { healthPath: 'health' }],
    ['healthPath', { healthPath: '/r4/health' }],
    ['healthPath', { healthPath: '/r4' }],
    ['jwksEndpoint', { jwksEndpoint: 'x' }],
    ['smartConfiguration', { smartConfiguration: [] }],
    ['smartConfigurationUrl', { smartConfigurationUrl: 'file:///etc/passwd' }],
    ['pageLinkKey', { pageLinkKey: 'too short' }],
    ['corsOrigins', { corsOrigins: 'https://app.example.org' }],
    ['corsOrigins', { corsOrigins: ['https://app.example.org/'] }],
    ['corsOrigins', { corsOrigins: ['*'] }],
    ['narrowSearch', { narrowSearch: true }],
    ['narrowSearch.modes', { narrowSearch: { modes: 'exact' } }],
    ['narrowSearch.mode', { narrowSearch: { mode: 'all' } }],
    ['narrowSearch.supports.Observation', { narrowSearch: { supports: { Observation: [1] } } }],
    ['bulkData.store', { bulkData: { store: {} } }],
    ['bulkData.statusPath', { bulkData: { statusPath: '/x' } }],
    ['onRequest', { onRequest: {} }],
  ];
  for (const [key, each] of wrong) {
    it(`${key} is named where it is wrong: ${JSON.stringify(each)}`, () => {
      let thrown: unknown;
      try {
        createGateway(handler, { ...RIGHT, ...each });
      } catch (error) {
        thrown = error;
      }
      expect(thrown).to.be.instanceOf(ConfigError).that.includes({ key });
      expect((thrown as Error).message).to.not.match(/SECRET|password@/);
    });
  }

  it('have defaults, and take health below no path of the server', () => {
    const { dispatcher, ...settings } = gatewaySettings(RIGHT);
    void dispatcher.destroy();
    expect(settings).to.include({
      upstream: 'http://inner:8080/fhir',
      forwardAuthorization: false,
      bindsVersion: true,
      ownsDispatcher: true,
      upstreamTimeoutMs: 30_000,
      maxResponseBytes: 16 * 1024 * 1024,
      maxConcurrentRequests: 256,
      healthPath: '/health',
    });
    expect(settings.upstreamNames).to.deep.equal(['http://inner:8080/fhir']);
    expect(settings.corsOrigins).to.deep.equal([]);
  });

  it('headers that a function gives are checked for each request', async () => {
    const given = gatewaySettings({ ...RIGHT, upstreamHeaders: () => ({ Host: 'evil.example.org' }) });
    const failed = await given.upstreamHeaders().catch((error: unknown) => error);
    expect(failed).to.be.instanceOf(ConfigError);
    await given.dispatcher.destroy();
  });
});
