import type { FinalAnswer } from '../http/guard.js';
import { jsonAnswer } from './answer.js';
import { Cached } from './cached.js';
import { fetchJsonObject } from './fetch-json.js';
import type { Upstream } from './upstream.js';

const MAX_AGE_MS = 2000;

type State = 'up' | 'down';

/** Whether the gateway runs, and whether it can serve. What is asked of others for it is asked once in two seconds. */
export class Health {
  readonly #upstream: Cached<State>;
  readonly #keys: Cached<State> | undefined;
  #hadKeys = false;

  constructor(upstream: Upstream, jwksEndpoint: string | undefined) {
    this.#upstream = new Cached(() => upstreamState(upstream), MAX_AGE_MS);
    this.#keys = jwksEndpoint === undefined ? undefined : new Cached(() => keysState(jwksEndpoint), MAX_AGE_MS);
  }

  /** The process runs and takes requests. */
  live(): FinalAnswer {
    return jsonAnswer(200, { status: 'up' }, {}, 'application/json');
  }

  /**
   * Upstream answers, and the keys of the authorization server could be fetched at least once: from then on tokens are
   * verified with the keys that were seen last, and an outage there is none here.
   */
  async ready(draining: boolean): Promise<FinalAnswer> {
    if (draining) return jsonAnswer(503, { status: 'draining' }, {}, 'application/json');
    const [upstream, keys] = await Promise.all([this.#upstream.get(), this.#keys?.get()]);
    if (keys === 'up') this.#hadKeys = true;
    const serves = upstream === 'up' && (keys !== 'down' || this.#hadKeys);
    const status = serves ? (keys === 'down' ? 'degraded' : 'up') : 'down';
    return jsonAnswer(serves ? 200 : 503, { status, upstream, ...(keys && { keys }) }, {}, 'application/json');
  }
}

/** A server that answers anything but a fault of its own is there; whether it has a CapabilityStatement or not. */
async function upstreamState(upstream: Upstream): Promise<State> {
  try {
    const headers = { accept: 'application/fhir+json', 'accept-encoding': 'identity' };
    const { status } = await upstream.send(
      { method: 'GET', below: '/metadata', headers },
      new AbortController().signal,
    );
    return status < 500 || status === 501 ? 'up' : 'down';
  } catch {
    return 'down';
  }
}

async function keysState(jwksEndpoint: string): Promise<State> {
  try {
    // Tokens are verified with keys of any Content-Type: so is this.
    const { keys } = await fetchJsonObject(jwksEndpoint, 'any');
    return Array.isArray(keys) ? 'up' : 'down';
  } catch {
    return 'down';
  }
}
