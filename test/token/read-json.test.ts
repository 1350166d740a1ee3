import { expect } from 'chai';
import { readJson, type ReadRequest } from '../../src/token/read-json.js';

/** What a request of these bytes gives, and what fetch was asked for. */
async function read(response: () => Response | Promise<Response>, changes: Partial<ReadRequest> = {}) {
  const asked: { url: unknown; init: RequestInit | undefined }[] = [];
  const result = await readJson({
    fetch: async (url, init) => {
      asked.push({ url, init });
      return response();
    },
    url: 'https://idp.example/jwks',
    method: 'GET',
    headers: { accept: 'application/json' },
    timeoutMs: 5_000,
    maxBytes: 10,
    acceptsStatus: (status) => status < 300,
    ...changes,
  });
  return { result, asked };
}

describe('token/read-json', () => {
  const cases: readonly [name: string, response: () => Response, result: object][] = [
    ['a document', () => new Response('{"a":1}'), { ok: true, value: { a: 1 } }],
    ['as many bytes as may be', () => new Response('"12345678"'), { ok: true, value: '12345678' }],
    ['one byte more', () => new Response('"123456789"'), { ok: false, reason: 'too-large', status: 200 }],
    ['no document', () => new Response('<html>'), { ok: false, reason: 'not-json', status: 200 }],
    ['no body at all', () => new Response(null, { status: 204 }), { ok: false, reason: 'not-json', status: 204 }],
    [
      'bytes that are no UTF-8',
      () => new Response(Buffer.from([0x22, 0xff, 0x22])),
      { ok: false, reason: 'not-json', status: 200 },
    ],
    ['another status', () => new Response('{}', { status: 503 }), { ok: false, reason: 'status', status: 503 }],
    [
      'another status without a body',
      () => new Response(null, { status: 302 }),
      { ok: false, reason: 'status', status: 302 },
    ],
  ];
  for (const [name, response, expected] of cases) {
    it(name, async () => {
      expect((await read(response)).result).to.deep.equal(expected);
    });
  }

  it('follows no redirect, and has a body only where there is one', async () => {
    const { asked } = await read(() => new Response('1'));
    expect(asked[0]?.init).to.include({ method: 'GET', redirect: 'manual' }).and.not.have.property('body');
    const post = await read(() => new Response('1'), { method: 'POST', body: 'a=b' });
    expect(post.asked[0]?.init).to.include({ method: 'POST', body: 'a=b' });
  });

  it('tells nothing of what went wrong in the network', async () => {
    const { result } = await read(() => Promise.reject(new Error('secret')));
    expect(result).to.deep.equal({ ok: false, reason: 'network' });
  });

  it('ends in time, and tells fetch to end as well', async () => {
    let signal: AbortSignal | null | undefined;
    const { result } = await read(() => new Promise<Response>(() => undefined), {
      timeoutMs: 1,
      fetch: (_, init) => {
        signal = init?.signal;
        return new Promise<Response>(() => undefined);
      },
    });
    expect(result).to.deep.equal({ ok: false, reason: 'timeout' });
    expect(signal?.aborted).to.equal(true);
  });
});
