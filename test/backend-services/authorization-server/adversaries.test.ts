import { createHmac } from 'node:crypto';
import { connect } from 'node:net';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { calculateJwkThumbprint } from 'jose';
import type { StateStore } from '../../../src/backend-services/oidc-provider.js';
import { createHttpServer, createMemoryStore } from '../../../src/backend-services/oidc-provider.js';
import { facadeGuide } from '../data/published-samples.js';
import { assertion, signWith } from './assertion.js';
import { key } from './keys.js';
import type { KeySetHost } from './key-set-host.js';
import { startKeySetHost } from './key-set-host.js';
import type { RunningServer } from './running-server.js';
import { runServer, useServers } from './running-server.js';
import type { TokenRequest } from './token-request.js';
import { expectError, expectInvalidClient, expectToken, postForm, requestToken, tokenForm } from './token-request.js';

const ec = key('ec');
const rsa = key('rsa', 'RS384');
const good = { key: ec, clientId: 'c' };
const scope = 'system/Patient.rs';

describe('adversaries of the authorization server', () => {
  let as: RunningServer;
  let host: KeySetHost;
  const run = useServers();

  before(async () => {
    host = await startKeySetHost(rsa);
    as = await runServer(
      [
        { client_id: 'c', jwks: { keys: [ec.jwk] }, scope },
        { client_id: 'remote', jwks_uri: host.url, scope },
      ],
      { bodyTimeoutSeconds: 0.3 },
    );
  });
  beforeEach(() => {
    host.publish([rsa.jwk]);
  });
  after(async () => {
    await as.close();
    await host.close();
  });

  it('who replays an assertion is refused, and the first use keeps its token', async () => {
    const form = tokenForm(as, good);
    const first = expectToken(await postForm(as.token, form));
    for (let at = 0; at < 3; at += 1) expectInvalidClient(await postForm(as.token, form));
    expect(await as.server.revokeAccessToken(String(first['access_token']))).to.equal(true);
  });

  it('who replays it with another encoding of the same claims is refused', async () => {
    const jti = 'the same';
    expectToken(await requestToken(as, { ...good, assert: { claims: { jti } } }));
    expectInvalidClient(await requestToken(as, { ...good, assert: { claims: { jti, extra: 1 } } }));
    expectInvalidClient(await requestToken(as, { ...good, assert: { claims: { jti }, header: { typ: undefined } } }));
  });

  it('who splits iss and jti differently burns nothing: ("c", "1x") is not ("c1", "x")', async () => {
    await as.server.registerClient({ client_id: 'c1', jwks: { keys: [key('c1').jwk] }, scope });
    expectToken(await requestToken(as, { key: key('c1'), clientId: 'c1', assert: { claims: { jti: 'x' } } }));
    expectToken(await requestToken(as, { ...good, assert: { claims: { jti: '1x' } } }));
  });

  it('a signature over other content is refused: swapped payload, swapped header', async () => {
    const [header = '', , signature = ''] = assertion({ ...good, aud: as.token }).split('.');
    const [otherHeader = '', payload = ''] = assertion({ ...good, aud: as.token, header: { kid: 'ec', x: 1 } }).split(
      '.',
    );
    for (const forged of [
      `${header}.${payload}.${signature}`,
      `${otherHeader}.${payload}.${signature}`,
      `${header}.${payload}.`,
    ]) {
      expectInvalidClient(await postForm(as.token, { ...tokenForm(as, good), client_assertion: forged }));
    }
  });

  it('HS384 keyed with the public key in any of its texts is refused', async () => {
    const texts = [
      rsa.publicKey.export({ type: 'spki', format: 'pem' }),
      rsa.publicKey.export({ type: 'spki', format: 'der' }),
      JSON.stringify(rsa.jwk),
      String(rsa.jwk['n']),
    ];
    for (const secret of texts) {
      const signer = (input: string): Buffer => createHmac('sha384', secret).update(input).digest();
      const assert = { header: { alg: 'HS384' }, signer };
      expectInvalidClient(await requestToken(as, { key: rsa, clientId: 'remote', assert }));
    }
  });

  it('1,000 unknown kids cause two fetches at most and lock nobody out', async function () {
    this.timeout(30_000);
    const fresh = await run([{ client_id: 'remote', jwks_uri: host.url, scope }]);
    host.fetches.length = 0;
    for (let batch = 0; batch < 20; batch += 1) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, at) =>
          requestToken(fresh, {
            key: rsa,
            clientId: 'remote',
            assert: { header: { kid: `${batch}-${at}` }, signer: () => Buffer.alloc(256) },
          }),
        ),
      );
      answers.forEach(expectInvalidClient);
    }
    expect(host.fetches.length).to.be.within(1, 2);
    expectToken(await requestToken(fresh, { key: rsa, clientId: 'remote' }));
    expect(host.fetches.length).to.be.within(1, 2);
  });

  it('forged assertions of unknown clients cause no fetch and leave nothing behind', async () => {
    host.fetches.length = 0;
    for (let at = 0; at < 20; at += 1) {
      const assert = { header: { jku: host.url }, signer: signWith(key('evil')) };
      expectInvalidClient(await requestToken(as, { key: ec, clientId: `stranger-${at}`, assert }));
    }
    expect(host.fetches).to.have.length(0);
  });

  /** Sends raw bytes and returns what comes back until the server closes. */
  function raw(
    url: string,
    text: string,
    then: (socket: ReturnType<typeof connect>) => void = () => undefined,
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = new URL(url);
      const socket = connect(Number(port), hostname, () => {
        socket.write(text);
        then(socket);
      });
      let seen = '';
      socket.on('data', (chunk) => (seen += chunk.toString()));
      socket.on('error', reject);
      socket.on('close', () => {
        resolve(seen);
      });
    });
  }
  const head = (headers: string): string =>
    `POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n${headers}\r\n`;

  it('a body that says it has 10 MB is refused before any of it is read', async () => {
    const seen = await raw(as.token, head('Content-Length: 10485760\r\n'));
    expect(seen).to.match(/^HTTP\/1\.1 413 /);
    expect(seen).to.match(/connection: close/i);
    expect(seen).to.include('"invalid_request"');
  });

  it('a body of 10 MB that does not say so is cut off', async () => {
    const sent = await new Promise<{ status: number | undefined; bytes: number }>((resolve, reject) => {
      const chunk = Buffer.alloc(65_536, 'a');
      let bytes = 0;
      let response: IncomingMessage | undefined;
      const req = request(as.token, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', 'transfer-encoding': 'chunked' },
      });
      const more = (): void => {
        if (response !== undefined || bytes >= 10_485_760) return;
        bytes += chunk.length;
        if (req.write(chunk)) setImmediate(more);
        else req.once('drain', more);
      };
      req.on('response', (arrived) => {
        response = arrived;
        resolve({ status: arrived.statusCode, bytes });
        arrived.resume();
        req.destroy();
      });
      req.on('error', (error) => {
        if (response === undefined) reject(error);
      });
      more();
    });
    expect(sent.status).to.equal(413);
    expect(sent.bytes).to.be.below(10_485_760);
  });

  it('a body that trickles is ended with 408', async () => {
    let timer: NodeJS.Timeout | undefined;
    const seen = await raw(as.token, head('Content-Length: 1000\r\n'), (socket) => {
      timer = setInterval(() => socket.write('a'), 50);
      socket.on('close', () => {
        clearInterval(timer);
      });
    });
    expect(seen).to.match(/^HTTP\/1\.1 408 /);
  });

  it('headers that trickle are ended, and others are served meanwhile', async () => {
    const slow = await run([{ client_id: 'c', jwks: { keys: [ec.jwk] }, scope }], {
      httpServer: (listener) => createHttpServer(listener, { headersTimeoutSeconds: 0.3, requestTimeoutSeconds: 0.5 }),
    });
    const held = Array.from({ length: 20 }, () =>
      raw(slow.token, 'POST /token HTTP/1.1\r\nHost: x\r\n', (socket) => {
        const timer = setInterval(() => socket.write('X-A: b\r\n'), 60);
        socket.on('close', () => {
          clearInterval(timer);
        });
      }).catch(() => ''),
    );
    expectToken(await requestToken(slow, good));
    for (const seen of await Promise.all(held)) expect(seen).to.match(/^(HTTP\/1\.1 408 |$)/);
  });

  it('a body that breaks off harms nobody', async () => {
    await raw(as.token, head('Content-Length: 1000\r\n'), (socket) => {
      socket.write('grant_type=');
      setTimeout(() => socket.destroy(), 20);
    });
    expectToken(await requestToken(as, good));
  });

  it('repeated parameters are refused, in whatever order and spelling', async () => {
    const form = new URLSearchParams(tokenForm(as, good) as Record<string, string>).toString();
    for (const extra of ['&scope=a', '&sc%6Fpe=a', '&grant_type=client_credentials', '&client_assertion=']) {
      expectError(await postForm(as.token, form + extra), 400, 'invalid_request');
    }
    expectError(await postForm(as.token, `scope=&${form}`), 400, 'invalid_request');
  });

  it('parameters in the URL count for nothing', async () => {
    const { client_assertion: good1, ...rest } = tokenForm(as, good);
    expectInvalidClient(await postForm(`${as.token}?client_assertion=${good1 ?? ''}`, rest));
  });

  it('names of inherited properties as parameters and scopes change nothing', async () => {
    expectToken(await requestToken(as, { ...good, form: { constructor: 'x', toString: 'y', hasOwnProperty: 'z' } }));
    expectError(await requestToken(as, { ...good, scope: '__proto__ constructor toString' }), 400, 'invalid_scope');
    expectInvalidClient(await postForm(as.token, { grant_type: 'client_credentials', client_id: '__proto__' }));
  });

  it('a body that is no UTF-8, or holds a NUL, is refused', async () => {
    const response = await fetch(as.token, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: Buffer.from([0x73, 0xff, 0xfe]),
    });
    expect(response.status).to.equal(400);
    expectError(await requestToken(as, { ...good, scope: 'system/Patient.rs\u0000' }), 400, 'invalid_scope');
  });

  it('no answer tells a registered client from an unknown one', async () => {
    const forged = { signer: signWith(key('evil')) };
    const known = await requestToken(as, { ...good, assert: forged });
    const unknown = await requestToken(as, { ...good, clientId: 'nobody', assert: forged });
    const quiet = ({ headers, ...rest }: typeof known): unknown => ({
      ...rest,
      headers: [...headers].filter(([name]) => name !== 'date'),
    });
    expect(quiet(known)).to.deep.equal(quiet(unknown));
  });

  it('what is refused leaves nothing behind, so that nothing is used up or learned', async () => {
    const inner = createMemoryStore();
    const writes: string[] = [];
    const store: StateStore = {
      ...inner,
      set: (name, value, seconds) => {
        writes.push(name);
        return inner.set(name, value, seconds);
      },
      setIfAbsent: (name, value, seconds) => {
        writes.push(name);
        return inner.setIfAbsent(name, value, seconds);
      },
    };
    const watched = await run(
      [
        { client_id: 'c', jwks: { keys: [ec.jwk] }, scope },
        { client_id: 'remote', jwks_uri: host.url, scope },
      ],
      { store },
    );
    const now = Math.floor(Date.now() / 1000);
    const jti = 'the one that the owner will use';
    const attempts: Partial<TokenRequest>[] = [
      { assert: { claims: { jti }, signer: signWith(key('evil')) } },
      { assert: { claims: { jti, aud: 'https://other.example/token' } } },
      { assert: { claims: { jti, exp: now + 36_000 } } },
      { assert: { claims: { jti, exp: now - 600 } } },
      { assert: { claims: { jti }, header: { alg: 'none' }, signer: () => Buffer.alloc(0) } },
      { assert: { claims: { jti }, header: { kid: undefined } } },
      { assert: { claims: { jti }, header: { kid: 'unknown' } } },
      { assert: { claims: { jti }, header: { jku: host.url } } },
      { assert: { claims: { jti }, header: { jwk: ec.jwk } } },
      { assert: { claims: { jti }, header: { crit: ['x'] } } },
      { clientId: 'remote', assert: { claims: { jti } } },
      { clientId: 'nobody', assert: { claims: { jti } } },
    ];
    for (const attempt of attempts) expectInvalidClient(await requestToken(watched, { ...good, ...attempt }));
    expect(watched.refusals()).to.have.length(attempts.length);
    expect(writes).to.deep.equal([]);
    expectToken(await requestToken(watched, { ...good, assert: { claims: { jti } } }));
    expect(writes.some((name) => name.startsWith('jti-'))).to.equal(true);
  });

  it('a key that the world knows opens no account, wherever the client has it from', async () => {
    const lost = key('lost');
    const denyThumbprints = [await calculateJwkThumbprint(lost.jwk)];
    host.publish([rsa.jwk, lost.jwk, facadeGuide.jwk]);
    const guarded = await run(
      [
        { client_id: 'inline', jwks: { keys: [lost.jwk] }, scope },
        { client_id: 'guide', jwks: { keys: [facadeGuide.jwk] }, scope },
        { client_id: 'remote', jwks_uri: host.url, scope },
      ],
      { clientKeys: { denyThumbprints } },
    );
    expectInvalidClient(await requestToken(guarded, { key: lost, clientId: 'inline' }));
    expectInvalidClient(await requestToken(guarded, { key: lost, clientId: 'guide' }));
    expectInvalidClient(await requestToken(guarded, { key: lost, clientId: 'remote' }));
    const forged = { header: { kid: facadeGuide.jwk.kid } };
    expectInvalidClient(await requestToken(guarded, { key: rsa, clientId: 'remote', assert: forged }));
    // Not found, rather than found and not fitting the signature: it is not looked at.
    expect(guarded.refusals()).to.deep.equal([
      'registration-invalid',
      'registration-invalid',
      'key-not-found',
      'key-not-found',
    ]);
    expectToken(await requestToken(guarded, { key: rsa, clientId: 'remote' }));
  });

  it('a store that fails refuses with 503, and a listener that fails changes nothing', async () => {
    const down = (): Promise<never> => Promise.reject(new Error('connection lost'));
    const broken = await run([{ client_id: 'c', jwks: { keys: [ec.jwk] }, scope }], {
      store: { get: down, set: down, setIfAbsent: down, take: down, delete: down },
      onEvent: () => {
        throw new Error('log lost');
      },
    });
    const response = await requestToken(broken, good);
    expectError(response, 503, 'temporarily_unavailable');
    expect(JSON.stringify(response.body)).not.to.include('connection');
    expectInvalidClient(await requestToken(broken, { ...good, clientId: 'nobody' }));
  });

  it('a handler behind a body parser says so to the operator and answers 500', async () => {
    let handler: Parameters<typeof createHttpServer>[0] | undefined;
    const parsed = await run([{ client_id: 'c', jwks: { keys: [ec.jwk] }, scope }], {
      httpServer: (listener) => {
        handler = listener;
        return createHttpServer((req, res) => {
          req.resume().on('end', () => setImmediate(() => handler?.(req, res)));
        });
      },
    });
    expectError(await requestToken(parsed, good), 500, 'server_error');
    const [failure] = parsed.events.filter((event) => event.type === 'failure');
    expect(failure?.error).to.include({ code: 'ERR_CONFIG' });
    expect(failure?.error.message).to.include('mount the authorization server before body parsers');
  });
});
