import { errors } from 'oidc-provider';
import { hashedKey } from '../../state/hashed-key.js';
import type { StateStore } from '../../state/store.js';
import type { RegisteredClient } from '../clients/client.js';
import { isIssuedTo } from '../clients/client.js';
import { requestContext } from './request-context.js';

/** What oidc-provider stores; the members that the adapter itself reads. */
interface Payload {
  readonly [member: string]: unknown;
  readonly jti?: string;
  readonly uid?: string;
  readonly grantId?: string;
  readonly exp?: number;
  readonly iat?: number;
  readonly clientId?: string;
  /** Of an interaction: those of the authorization request. */
  readonly params?: { readonly client_id?: string };
  readonly consumed?: number;
}

/** oidc-provider's storage interface. */
export interface Adapter {
  upsert(id: string, payload: Payload, expiresIn: number | undefined): Promise<void>;
  find(id: string): Promise<Payload | undefined>;
  findByUid(uid: string): Promise<Payload | undefined>;
  findByUserCode(userCode: string): Promise<undefined>;
  consume(id: string): Promise<void>;
  destroy(id: string): Promise<void>;
  revokeByGrantId(grantId: string): Promise<void>;
}

export interface AdapterOptions {
  readonly store: StateStore;
  readonly findClient: (clientId: string) => Promise<RegisteredClient | undefined>;
  /** Seconds for which a revoked grant is remembered: as long as anything that came from it can live. */
  readonly grantLifetimeSeconds: number;
  readonly clockToleranceSeconds: number;
}

/**
 * oidc-provider's state in a {@link StateStore}.
 *
 * Two things differ from a plain key-value adapter. A code or refresh token is consumed by one atomic call, so that of
 * two parallel uses one fails. And a revoked grant is marked once, instead of every token of it being listed: whatever
 * names that grant is gone for `find`. So is what was issued to an earlier client of the same id.
 */
export function createAdapterFactory(options: AdapterOptions): (model: string) => Adapter {
  return (model) => {
    switch (model) {
      case 'Client':
        return clientAdapter(options);
      case 'ReplayDetection':
        return replayAdapter();
      default:
        return stateAdapter(model, options);
    }
  };
}

function stateAdapter(
  model: string,
  { store, findClient, grantLifetimeSeconds, clockToleranceSeconds }: AdapterOptions,
): Adapter {
  // An id is a code or refresh token itself, or comes from a stranger who claims that it is one.
  const keyOf = (id: string): string => hashedKey(model, id);
  const uidKeyOf = (uid: string): string => hashedKey(`${model}Uid`, uid);
  const consumedKeyOf = (id: string): string => hashedKey(`${model}Used`, id);

  async function find(id: string): Promise<Payload | undefined> {
    const text = await store.get(keyOf(id));
    if (text === undefined) return undefined;
    const payload: Payload = { ...(JSON.parse(text) as Payload), jti: id };
    if (payload.grantId !== undefined && (await isGrantRevoked(store, payload.grantId))) return undefined;
    const clientId = payload.clientId ?? payload.params?.client_id;
    const client = clientId === undefined ? undefined : await findClient(clientId);
    if (client !== undefined && !isIssuedTo(client, payload.iat, clockToleranceSeconds)) return undefined;
    const consumed = await store.get(consumedKeyOf(id));
    return consumed === undefined ? payload : { ...payload, consumed: Number(consumed) };
  }

  return {
    find,
    async upsert(id, payload, expiresIn) {
      // The id is left out of what is stored: oidc-provider names it again when it asks.
      await store.set(keyOf(id), JSON.stringify({ ...payload, jti: undefined }), expiresIn);
      if (payload.uid !== undefined) await store.set(uidKeyOf(payload.uid), id, expiresIn);
    },
    async findByUid(uid) {
      const id = await store.get(uidKeyOf(uid));
      return id === undefined ? undefined : find(id);
    },
    findByUserCode: () => Promise.resolve(undefined),
    async consume(id) {
      const payload = await find(id);
      const now = Math.floor(Date.now() / 1000);
      const remaining = Math.max((payload?.exp ?? now) - now, 1) + 1;
      if (await store.setIfAbsent(consumedKeyOf(id), String(now), remaining)) return;
      // RFC 6749 §4.1.2, RFC 9700 §4.14: used twice, so one of the two was stolen; all that came of it goes.
      if (payload?.grantId !== undefined) await revokeGrant(store, payload.grantId, grantLifetimeSeconds);
      throw new errors.InvalidGrant('used already');
    },
    async destroy(id) {
      await store.delete(keyOf(id));
    },
    async revokeByGrantId(grantId) {
      await revokeGrant(store, grantId, grantLifetimeSeconds);
    },
  };
}

/** @internal */
export async function revokeGrant(store: StateStore, grantId: string, forSeconds: number): Promise<void> {
  await store.set(`grantRevoked:${grantId}`, '1', forSeconds);
}

/** @internal */
export async function isGrantRevoked(store: StateStore, grantId: string): Promise<boolean> {
  return (await store.get(`grantRevoked:${grantId}`)) !== undefined;
}

/**
 * Clients as oidc-provider may know them: it never learns of a client's keys, except of the one key that has just
 * verified this very request. Whatever would reach its own client authentication by another way finds no key there.
 */
function clientAdapter({ findClient }: AdapterOptions): Adapter {
  return {
    ...NOTHING,
    async find(clientId) {
      const context = requestContext.getStore();
      const authenticated = context?.client?.registration.client_id === clientId ? context.client : undefined;
      const client = authenticated?.registration ?? (await findClient(clientId));
      return client === undefined ? undefined : asProviderMetadata(client, authenticated?.key ?? 'none');
    },
  };
}

function asProviderMetadata(client: RegisteredClient, key: object | 'none'): Payload {
  const interactive = client.grant_types.includes('authorization_code');
  const native = client.redirect_uris.some((uri) => !/^https?:/.test(uri));
  return {
    client_id: client.client_id,
    ...(client.client_name === undefined ? {} : { client_name: client.client_name }),
    application_type: native ? 'native' : 'web',
    grant_types: [...client.grant_types],
    response_types: interactive ? ['code'] : [],
    redirect_uris: [...client.redirect_uris],
    token_endpoint_auth_method: client.token_endpoint_auth_method,
    ...(client.token_endpoint_auth_method === 'private_key_jwt' ? { jwks: { keys: key === 'none' ? [] : [key] } } : {}),
  };
}

/**
 * Replay was ruled out before, by one atomic call that covers every process. oidc-provider looks an assertion up and
 * then saves it, which two parallel copies both survive; it is left nothing to do.
 */
function replayAdapter(): Adapter {
  return NOTHING;
}

const NOTHING: Adapter = {
  upsert: () => Promise.resolve(),
  find: () => Promise.resolve(undefined),
  findByUid: () => Promise.resolve(undefined),
  findByUserCode: () => Promise.resolve(undefined),
  consume: () => Promise.resolve(),
  destroy: () => Promise.resolve(),
  revokeByGrantId: () => Promise.resolve(),
};
