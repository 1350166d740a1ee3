/** Why a JSON document could not be read over the network. */
export type ReadFailure = 'timeout' | 'network' | 'status' | 'too-large' | 'not-json';

export type ReadResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: ReadFailure; readonly status?: number };

export interface ReadRequest {
  readonly fetch: typeof fetch;
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds for the whole exchange, body included. */
  readonly timeoutMs: number;
  /** Bytes of the decompressed body. */
  readonly maxBytes: number;
  readonly acceptsStatus: (status: number) => boolean;
}

/**
 * Fetches a JSON document within a time and a size. Never rejects. Redirects are not followed: the configured endpoint is the
 * one that was trusted, and credentials in the request are meant for it alone.
 */
export async function readJson(request: ReadRequest): Promise<ReadResult> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  // The race does not rely on fetch: one that ignores its signal must not hold the caller.
  const timeout = new Promise<ReadResult>((resolve) => {
    timer = setTimeout(() => {
      resolve({ ok: false, reason: 'timeout' });
      controller.abort();
    }, request.timeoutMs);
  });
  try {
    return await Promise.race([receive(request, controller.signal), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

async function receive(request: ReadRequest, signal: AbortSignal): Promise<ReadResult> {
  try {
    const response = await request.fetch(request.url, {
      method: request.method,
      headers: request.headers,
      redirect: 'manual',
      signal,
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    if (!request.acceptsStatus(response.status)) {
      await response.body?.cancel();
      return { ok: false, reason: 'status', status: response.status };
    }
    const bytes = await readBounded(response, request.maxBytes);
    return bytes === undefined ? { ok: false, reason: 'too-large', status: response.status } : parse(bytes, response);
  } catch {
    // The error may quote the request, hence its credentials or the token: it goes nowhere.
    return { ok: false, reason: 'network' };
  }
}

async function readBounded(response: Response, maxBytes: number): Promise<Uint8Array | undefined> {
  if (response.body === null) {
    return new Uint8Array();
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return Buffer.concat(chunks);
    }
    size += value.byteLength;
    if (size > maxBytes) {
      await reader.cancel();
      return undefined;
    }
    chunks.push(value);
  }
}

function parse(bytes: Uint8Array, response: Response): ReadResult {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return { ok: true, value };
  } catch {
    return { ok: false, reason: 'not-json', status: response.status };
  }
}
