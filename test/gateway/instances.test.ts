import { expect } from 'chai';
import { createRedisStore } from '../../src/backend-services/state/redis-store.js';
import { BASE, Clinic, Issuer } from '../http/clinic.js';
import { Exporter } from '../http/exporter.js';
import type { Answered } from '../http/send.js';
import { send } from '../http/send.js';
import type { RedisServer } from '../backend-services/state/redis-server.js';
import { hasRedis, startRedis } from '../backend-services/state/redis-server.js';
import type { OpenGateway } from './open-gateway.js';
import { openGateway } from './open-gateway.js';
import type { RunningUpstream } from './upstreams.js';
import { clinicUpstream } from './upstreams.js';

describe('several gateways behind a balancer', () => {
  let redis: RedisServer;
  let issuer: Issuer;
  let upstream: RunningUpstream;
  let gateways: readonly OpenGateway[];
  const exporter = new Exporter();
  const closing: (() => Promise<void>)[] = [];

  before(async function () {
    if (!hasRedis()) this.skip();
    redis = await startRedis();
    closing.push(() => redis.stop());
    issuer = await Issuer.open();
    closing.push(() => issuer.close());
    upstream = await clinicUpstream(await Clinic.open(), undefined, exporter.serve);
    closing.push(() => upstream.close());
    gateways = await Promise.all(
      [1, 2].map(() =>
        openGateway(issuer.handler(), upstream, { bulkData: { jobs: createRedisStore(redis.connect()) } }),
      ),
    );
    closing.push(...gateways.map(({ close }) => close));
  });

  after(async () => {
    for (const close of closing.reverse()) await close();
  });

  it('share the jobs of exports in Redis, and who owns them', async () => {
    const [first, second] = gateways as [OpenGateway, OpenGateway];
    const token = await issuer.token('system/*.read', { sub: 'a', client_id: 'a' });
    const other = await issuer.token('system/*.read', { sub: 'b', client_id: 'b' });
    const ask = (gateway: OpenGateway, path: string, bearer: string): Promise<Answered> =>
      send(gateway, path, { token: bearer });
    exporter.file('/files/p.ndjson', { resourceType: 'Patient', id: 'alice' }, { resourceType: 'Device', id: 'd' });
    exporter.lists = { output: [{ type: 'Patient', url: `${upstream.base}/files/p.ndjson` }] };
    exporter.contentLocation = (job) => `${upstream.base}/poll?_jobId=${job}`;
    const started = await ask(first, '/$export', token);
    expect(started.status, started.text).to.equal(202);
    const status = String(started.headers['content-location']).slice(BASE.length);
    expect((await ask(second, status, token)).status).to.equal(202);
    const done = await ask(first, status, token);
    const [file] = done.json['output'] as readonly { readonly url: string }[];
    const path = file?.url.slice(BASE.length) ?? '';
    expect(path).to.match(/^\/bulk-files\//);
    const lines = await ask(second, path, token);
    expect([lines.status, lines.text]).to.deep.equal([200, '{"resourceType":"Patient","id":"alice"}\n']);
    for (const gateway of gateways) {
      expect((await ask(gateway, status, other)).status).to.equal(404);
      expect((await ask(gateway, path, other)).status).to.equal(404);
    }
  });

  it('refuse what they cannot look up, and serve the rest, when Redis has gone', async () => {
    const [first] = gateways as [OpenGateway];
    const token = await issuer.token('system/*.read', { sub: 'a', client_id: 'a' });
    const started = await send(first, '/$export', { token });
    await redis.stop();
    const status = String(started.headers['content-location']).slice(BASE.length);
    expect((await send(first, status, { token })).status).to.be.oneOf([403, 500]);
    expect((await send(first, '/$export', { token })).status).to.be.oneOf([403, 500]);
    expect((await send(first, '/Patient/alice', { token })).status).to.equal(200);
  });
});
