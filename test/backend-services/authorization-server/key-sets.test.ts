import { readFileSync } from 'node:fs';
import type { LookupAddress } from 'node:dns';
import { createServer as createTlsServer } from 'node:https';
import { isIP } from 'node:net';
import { expect } from 'chai';
import { useFakeTimers } from 'sinon';
import type { SinonFakeTimers } from 'sinon';
import type { Lookup } from '../../../src/backend-services/authorization-server/wire/fetch-key-set.js';
import { fetchKeySet } from '../../../src/backend-services/authorization-server/wire/fetch-key-set.js';
import { isLoopbackHost, isPublicAddress } from '../../../src/backend-services/authorization-server/wire/addresses.js';
import { thrown } from '../thrown.js';
import { key } from './keys.js';
import type { KeySetHost } from './key-set-host.js';
import { startKeySetHost } from './key-set-host.js';
import type { RunningServer, ServerOverrides } from './running-server.js';
import { close, listen, runServer } from './running-server.js';
import { expectInvalidClient, expectToken, requestToken } from './token-request.js';

const one = key('one', 'RS384');
const two = key('two');
const clientId = 'remote';
const scope = 'system/Patient.rs';

describe("clients' published key sets", () => {
  let host: KeySetHost;
  let as: RunningServer | undefined;
  let clock: SinonFakeTimers | undefined;

  beforeEach(async () => {
    host = await startKeySetHost(one);
  });
  afterEach(async () => {
    clock?.restore();
    clock = undefined;
    await as?.close();
    as = undefined;
    await host.close();
  });

  async function run(overrides: ServerOverrides = {}): Promise<RunningServer> {
    as = await runServer([{ client_id: clientId, jwks_uri: host.url, scope }], overrides);
    return as;
  }
  /** Only the clock is moved; timers and sockets stay real. */
  function moveClock(seconds: number): void {
    clock ??= useFakeTimers({ toFake: ['Date'], now: Date.now() });
    clock.setSystemTime(Date.now() + seconds * 1000);
  }

  it('A3: keys of unknown kind and malformed ones are passed over', async () => {
    host.publish([
      { kty: 'XYZ', kid: 'x' },
      null,
      7,
      'key',
      [],
      {},
      { kty: 'RSA', kid: 'r' },
      { kty: 'EC', crv: 'P-384', kid: 'e', x: 'AA', y: 'AA' },
      one.jwk,
    ]);
    expectToken(await requestToken(await run(), { key: one, clientId }));
  });

  it('A3: a key that the set itself publishes with its private half, or a part of it, is passed over', async () => {
    const server = await run({ keySetFetch: { maxAgeSeconds: 0 } });
    for (const leaked of [one.privateJwk, { ...one.jwk, p: one.privateJwk['p'] }]) {
      host.publish([leaked]);
      expectInvalidClient(await requestToken(server, { key: one, clientId }));
    }
    expect(server.refusals()).to.deep.equal(['key-not-found', 'key-not-found']);
  });

  it('A22: the fetch asks for application/json', async () => {
    expectToken(await requestToken(await run(), { key: one, clientId }));
    expect(host.fetches.map((headers) => headers.accept)).to.deep.equal(['application/json']);
    expect(host.fetches[0]).not.to.have.property('cookie');
  });

  /** Asks at once, a second before the set is due, and a second after. */
  async function expectKeptFor(server: RunningServer, seconds: number): Promise<void> {
    moveClock(0);
    expectToken(await requestToken(server, { key: one, clientId }));
    moveClock(seconds - 1);
    expectToken(await requestToken(server, { key: one, clientId }));
    expect(host.fetches).to.have.length(1);
    moveClock(2);
    expectToken(await requestToken(server, { key: one, clientId }));
    expect(host.fetches).to.have.length(2);
  }

  it('A22: a set is kept for its max-age and no longer', async () => {
    const server = await run();
    host.publish([one.jwk], { 'cache-control': 'public, max-age=60' });
    await expectKeptFor(server, 60);
  });

  it('A22: of a slow answer max-age counts from the request, as it may have been made then', async () => {
    const server = await run();
    host.answer = (response) => {
      // The clock of the whole process goes on while the host makes up its mind.
      moveClock(40);
      response.writeHead(200, { 'cache-control': 'max-age=60' });
      response.end(JSON.stringify({ keys: [one.jwk] }));
    };
    await expectKeptFor(server, 20);
  });

  const keeping: [string, Record<string, string>, number, boolean][] = [
    ['no-store', { 'cache-control': 'no-store' }, 0, false],
    ['no-cache', { 'cache-control': 'no-cache, max-age=600' }, 0, false],
    ['max-age=0', { 'cache-control': 'max-age=0' }, 0, false],
    ['a broken max-age', { 'cache-control': 'max-age=soon' }, 0, false],
    ['an Age that uses max-age up', { 'cache-control': 'max-age=60', age: '60' }, 0, false],
    ['an Age that uses half of it up', { 'cache-control': 'max-age=60', age: '30' }, 29, true],
    ['an Age that uses half of it up, later', { 'cache-control': 'max-age=60', age: '30' }, 31, false],
    ['Expires in the past', { expires: 'Thu, 01 Jan 1970 00:00:00 GMT' }, 0, false],
    ['a broken Expires', { expires: '0' }, 0, false],
    ['nothing at all, within five minutes', {}, 299, true],
    ['nothing at all, after five minutes', {}, 301, false],
    ['a day, within an hour', { 'cache-control': 'max-age=86400' }, 3599, true],
    ['a day, after an hour', { 'cache-control': 'max-age=86400' }, 3601, false],
  ];
  for (const [what, headers, seconds, kept] of keeping) {
    it(`A22: ${kept ? 'kept' : 'fetched again'} after ${what}`, async () => {
      const server = await run();
      host.publish([one.jwk], headers);
      moveClock(0);
      expectToken(await requestToken(server, { key: one, clientId }));
      moveClock(seconds);
      expectToken(await requestToken(server, { key: one, clientId }));
      expect(host.fetches).to.have.length(kept ? 1 : 2);
    });
  }

  it('A23: a rotated key is found by one fetch', async () => {
    const server = await run();
    expectToken(await requestToken(server, { key: one, clientId }));
    host.publish([two.jwk]);
    expectToken(await requestToken(server, { key: two, clientId }));
    expect(host.fetches).to.have.length(2);
    expectInvalidClient(await requestToken(server, { key: one, clientId }));
  });

  it('A23: an unknown kid causes one fetch, then none until the cooldown is over', async () => {
    const server = await run();
    moveClock(0);
    expectToken(await requestToken(server, { key: one, clientId }));
    for (let at = 0; at < 5; at += 1) {
      expectInvalidClient(
        await requestToken(server, { key: one, clientId, assert: { header: { kid: `unknown-${at}` } } }),
      );
    }
    expect(host.fetches).to.have.length(2);
    expectToken(await requestToken(server, { key: one, clientId }));
    moveClock(31);
    expectInvalidClient(await requestToken(server, { key: one, clientId, assert: { header: { kid: 'unknown' } } }));
    expect(host.fetches).to.have.length(3);
  });

  it('A23: a fetch that fails refuses the client, and so does a set that has expired while its server is down', async () => {
    const server = await run({ keySetFetch: { retryAfterFailureSeconds: 0 } });
    host.publish([one.jwk], { 'cache-control': 'max-age=60' });
    moveClock(0);
    expectToken(await requestToken(server, { key: one, clientId }));
    host.answer = (response) => {
      response.writeHead(503);
      response.end();
    };
    expectToken(await requestToken(server, { key: one, clientId }));
    moveClock(61);
    expectInvalidClient(await requestToken(server, { key: one, clientId }));
    host.publish([one.jwk]);
    expectToken(await requestToken(server, { key: one, clientId }));
  });

  it('A23: a failed fetch is not repeated at once', async () => {
    const server = await run();
    moveClock(0);
    host.answer = (response) => {
      response.writeHead(500);
      response.end();
    };
    for (let at = 0; at < 5; at += 1) expectInvalidClient(await requestToken(server, { key: one, clientId }));
    expect(host.fetches).to.have.length(1);
    host.publish([one.jwk]);
    moveClock(6);
    expectToken(await requestToken(server, { key: one, clientId }));
  });

  it('A23: parallel requests share one fetch', async () => {
    const server = await run();
    const answers = await Promise.all(Array.from({ length: 10 }, () => requestToken(server, { key: one, clientId })));
    answers.forEach(expectToken);
    expect(host.fetches).to.have.length(1);
  });

  const failing: [string, (host: KeySetHost) => void, string][] = [
    ['is no JSON', (h) => (h.answer = (res) => res.end('<html>')), 'key-set-unavailable'],
    ['is no set', (h) => (h.answer = (res) => res.end('{"keys":7}')), 'key-set-unavailable'],
    ['is null', (h) => (h.answer = (res) => res.end('null')), 'key-set-unavailable'],
    [
      'has 101 keys',
      (h) => {
        h.publish(Array.from({ length: 101 }, () => one.jwk));
      },
      'key-set-unavailable',
    ],
    [
      'is larger than the bound and does not say so',
      (h) =>
        (h.answer = (res) => {
          res.write(JSON.stringify({ keys: [one.jwk], padding: 'x'.repeat(300_000) }));
          res.end();
        }),
      'key-set-unavailable',
    ],
    [
      'says it is larger',
      (h) =>
        (h.answer = (res) => {
          res.writeHead(200, { 'content-length': '10000000' });
          res.write('{');
        }),
      'key-set-unavailable',
    ],
    [
      'is 404',
      (h) =>
        (h.answer = (res) => {
          res.writeHead(404);
          res.end(JSON.stringify({ keys: [one.jwk] }));
        }),
      'key-set-unavailable',
    ],
    [
      'is 304',
      (h) =>
        (h.answer = (res) => {
          res.writeHead(304);
          res.end();
        }),
      'key-set-unavailable',
    ],
    [
      'breaks off',
      (h) =>
        (h.answer = (res) => {
          res.writeHead(200, { 'content-length': '100' });
          res.write('{"keys":');
          res.destroy();
        }),
      'key-set-unavailable',
    ],
    ['never ends', (h) => (h.answer = (res) => res.write('{"keys":')), 'key-set-unavailable'],
    ['never begins', (h) => (h.answer = () => undefined), 'key-set-unavailable'],
    [
      'is empty',
      (h) => {
        h.publish([]);
      },
      'key-not-found',
    ],
  ];
  for (const [what, prepare, reason] of failing) {
    it(`A23: fails closed when the set ${what}`, async () => {
      const server = await run({ keySetFetch: { timeoutMilliseconds: 200 } });
      prepare(host);
      expectInvalidClient(await requestToken(server, { key: one, clientId }));
      expect(server.refusals()).to.deep.equal([reason]);
    });
  }

  it('A2: without the loopback option a key set on this machine is never fetched', async () => {
    const policy = {
      timeoutMilliseconds: 1000,
      maxBytes: 1000,
      allowInsecureLoopback: false,
      allowedPrivateHosts: new Set<string>(),
      ca: undefined,
    };
    const secure = (url: string): string => url.replace('http:', 'https:');
    expect(await thrown(() => fetchKeySet(host.url, policy))).to.include({ problem: 'url' });
    expect(await thrown(() => fetchKeySet(secure(host.url), policy))).to.include({ problem: 'private-address' });
    // A name is looked up, and what it leads to is judged.
    const named = secure(host.url).replace('127.0.0.1', 'localhost');
    expect(await thrown(() => fetchKeySet(named, policy))).to.include({ problem: 'private-address' });
    expect(host.fetches).to.have.length(0);
  });

  describe('A2: what a name leads to', () => {
    const policy = {
      timeoutMilliseconds: 500,
      maxBytes: 10_000,
      // Names of this machine may lead to this machine; that stands in for the public internet here.
      allowInsecureLoopback: true,
      allowedPrivateHosts: new Set<string>(),
      ca: undefined,
    };
    const found = (address: string): LookupAddress => ({ address, family: isIP(address) });
    /** A name server that gives these answers, one a question, and goes on with the last. */
    function nameServer(...answers: readonly (readonly string[] | Error)[]): { lookup: Lookup; asked: string[] } {
      const asked: string[] = [];
      const lookup: Lookup = (name, _options, callback) => {
        const next = answers[Math.min(asked.length, answers.length - 1)] ?? [];
        asked.push(name);
        setImmediate(() => {
          if (next instanceof Error) callback(next, []);
          else callback(null, next.map(found));
        });
      };
      return { lookup, asked };
    }
    const named = (): string => host.url.replace('127.0.0.1', 'localhost');

    const mixed: readonly (readonly string[])[] = [
      ['127.0.0.1', '10.0.0.1'],
      ['10.0.0.1', '127.0.0.1'],
      ['127.0.0.1', '127.0.0.1', '169.254.169.254'],
      ['127.0.0.1', '::ffff:10.0.0.1'],
      ['127.0.0.1', 'fd00::1'],
      ['192.168.0.1'],
      ['not an address'],
    ];
    for (const addresses of mixed) {
      it(`A2: ${addresses.join(', ')}: one that is private is enough to refuse`, async () => {
        const { lookup, asked } = nameServer(addresses);
        expect(await thrown(() => fetchKeySet(named(), policy, lookup))).to.include({ problem: 'private-address' });
        expect(asked).to.deep.equal(['localhost']);
        expect(host.fetches).to.have.length(0);
      });
    }

    it('A2: of a public name as well, be all but one of its addresses public', async () => {
      const strict = { ...policy, allowInsecureLoopback: false };
      for (const addresses of [
        ['8.8.8.8', '127.0.0.1'],
        ['127.0.0.1', '8.8.8.8'],
        ['2606:4700::1', '::1'],
        ['127.0.0.1'],
      ]) {
        const { lookup } = nameServer(addresses);
        const url = host.url.replace('http://127.0.0.1', 'https://keys.example');
        expect(await thrown(() => fetchKeySet(url, strict, lookup)), addresses.join()).to.include({
          problem: 'private-address',
        });
      }
      expect(host.fetches).to.have.length(0);
    });

    it('A2: it is asked once, and the connection goes where it was checked: a second answer leads nowhere', async () => {
      for (const second of [['10.0.0.1'], ['127.0.0.2'], [], new Error('no such name')]) {
        host.fetches.length = 0;
        const { lookup, asked } = nameServer(['127.0.0.1'], second);
        const { body } = await fetchKeySet(named(), policy, lookup);
        expect(body).to.have.property('keys');
        expect(asked).to.deep.equal(['localhost']);
        expect(host.fetches).to.have.length(1);
      }
      // And the other way round: what becomes good was not good when it was asked for.
      const { lookup } = nameServer(['10.0.0.1'], ['127.0.0.1']);
      expect(await thrown(() => fetchKeySet(named(), policy, lookup))).to.include({ problem: 'private-address' });
    });

    it('A2: a name of a private host in the list is asked once, too, and may be private', async () => {
      const { lookup, asked } = nameServer(['127.0.0.1'], ['10.0.0.1']);
      const url = host.url.replace('http://127.0.0.1', 'https://keys.hospital.example');
      const listed = {
        ...policy,
        allowInsecureLoopback: false,
        allowedPrivateHosts: new Set(['keys.hospital.example']),
      };
      // The address passes; what answers there speaks no TLS.
      expect(await thrown(() => fetchKeySet(url, listed, lookup))).to.include({ problem: 'network' });
      expect(asked).to.deep.equal(['keys.hospital.example']);
    });

    it('A2: no address, and a name server that fails, are failures of the network', async () => {
      for (const answer of [[], new Error('no such name')]) {
        const { lookup } = nameServer(answer);
        expect(await thrown(() => fetchKeySet(named(), policy, lookup))).to.include({ problem: 'network' });
      }
      expect(host.fetches).to.have.length(0);
    });
  });

  it('A2: over TLS the certificate is checked, against the configured authorities', async () => {
    const pem = (name: string): string => readFileSync(new URL(`../data/tls/${name}`, import.meta.url), 'utf8');
    const tls = createTlsServer({ key: pem('localhost-key.pem'), cert: pem('localhost-cert.pem') }, (_req, res) => {
      res.end(JSON.stringify({ keys: [one.jwk] }));
    });
    const url = `${(await listen(tls)).replace('http:', 'https:').replace('127.0.0.1', 'localhost')}/jwks.json`;
    const policy = {
      timeoutMilliseconds: 2000,
      maxBytes: 10_000,
      allowInsecureLoopback: false,
      // A private network's own host: its address passes, its certificate still has to.
      allowedPrivateHosts: new Set(['localhost']),
      ca: undefined,
    };
    try {
      expect(await thrown(() => fetchKeySet(url, policy))).to.include({ problem: 'network' });
      const { body } = await fetchKeySet(url, { ...policy, ca: pem('localhost-cert.pem') });
      expect(body).to.have.property('keys');
    } finally {
      await close(tls);
    }
  });

  const addresses: [string, boolean][] = [
    ['8.8.8.8', true],
    ['1.1.1.1', true],
    ['2606:4700:4700::1111', true],
    ['10.1.2.3', false],
    ['100.64.0.1', false],
    ['127.0.0.1', false],
    ['169.254.169.254', false],
    ['172.31.255.255', false],
    ['172.32.0.1', true],
    ['192.168.0.1', false],
    ['198.18.0.1', false],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
    ['0.0.0.0', false],
    ['::', false],
    ['::1', false],
    ['::ffff:8.8.8.8', false],
    ['::ffff:127.0.0.1', false],
    ['64:ff9b::7f00:1', false],
    ['2002:7f00:1::', false],
    ['2001:0:1::', false],
    ['fe80::1', false],
    ['fd00::1', false],
    ['ff02::1', false],
    ['not an address', false],
  ];
  for (const [address, isPublic] of addresses) {
    it(`A2: ${address} is ${isPublic ? '' : 'not '}on the public internet`, () => {
      expect(isPublicAddress(address)).to.equal(isPublic);
    });
  }

  it('A2: a loopback host is one by itself, not by its name', () => {
    expect(['localhost', '127.0.0.1', '127.1.2.3', '[::1]'].every(isLoopbackHost)).to.equal(true);
    expect(['localhost.example', '127.0.0.1.example', '[::2]', '10.0.0.1', ''].some(isLoopbackHost)).to.equal(false);
  });
});
