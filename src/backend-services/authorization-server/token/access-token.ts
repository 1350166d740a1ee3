import { jwtVerify } from 'jose';
import { isGrantRevoked } from '../provider/adapter.js';
import { isIssuedTo } from '../clients/client.js';
import type { ClientDirectory } from '../clients/directory.js';
import { ClientRefused } from '../client-auth/refusal.js';
import type { LaunchRecords } from '../launch/records.js';
import type { Settings } from '../settings.js';

/** The claims of an access token that this server issued. RFC 9068 §2.2. */
export interface AccessTokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string;
  readonly exp: number;
  readonly iat: number;
  readonly jti: string;
  readonly client_id: string;
  readonly scope: string;
  readonly [claim: string]: unknown;
}

/** Reads access tokens of this server, for introspection and revocation. */
export interface AccessTokens {
  /** The claims of a token that is good right now; undefined for every other text. */
  active(token: string): Promise<AccessTokenClaims | undefined>;
  /** The claims of a token that this server issued and that has not expired, revoked or not. */
  issued(token: string): Promise<AccessTokenClaims | undefined>;
  /** Makes a token inactive for what is left of its life. */
  revoke(claims: AccessTokenClaims): Promise<void>;
}

const MAX_TOKEN_LENGTH = 16_384;

export function createAccessTokens(
  settings: Settings,
  directory: ClientDirectory,
  records: LaunchRecords,
): AccessTokens {
  const { store } = settings;
  const keys = new Map(settings.signingKeys.map((key) => [key.kid, key]));

  async function issued(token: string): Promise<AccessTokenClaims | undefined> {
    if (token.length > MAX_TOKEN_LENGTH) return undefined;
    try {
      // RFC 9068 §4: typ, signature under a key of one's own and its one algorithm, issuer, audience, expiry.
      const { payload } = await jwtVerify(
        token,
        ({ kid, alg }) => {
          const key = kid === undefined ? undefined : keys.get(kid);
          if (key === undefined || key.alg !== alg) throw new Error('not a key of this server');
          return key.publicKey;
        },
        {
          typ: 'at+jwt',
          issuer: settings.issuer,
          audience: settings.fhirBaseUrl,
          requiredClaims: ['exp', 'iat', 'jti'],
        },
      );
      return isAccessToken(payload) ? payload : undefined;
    } catch {
      return undefined;
    }
  }

  /** A token outlives its client only on paper. */
  async function hasClient({ client_id: clientId, iat }: AccessTokenClaims): Promise<boolean> {
    try {
      const client = await directory.find(clientId);
      return client !== undefined && isIssuedTo(client, iat, settings.clockToleranceSeconds);
    } catch (cause) {
      if (cause instanceof ClientRefused) return false;
      throw cause;
    }
  }

  return {
    issued,
    async active(token) {
      const claims = await issued(token);
      if (claims === undefined) return undefined;
      if ((await store.get(`tokenRevoked:${claims.jti}`)) !== undefined) return undefined;
      const grantId = await records.grantOf(claims.jti);
      if (grantId !== undefined && (await isGrantRevoked(store, grantId))) return undefined;
      return (await hasClient(claims)) ? claims : undefined;
    },
    async revoke({ jti, exp }) {
      await store.set(`tokenRevoked:${jti}`, '1', Math.max(exp - Date.now() / 1000, 0) + 1);
    },
  };
}

function isAccessToken(payload: Readonly<Record<string, unknown>>): payload is AccessTokenClaims {
  return ['iss', 'sub', 'aud', 'jti', 'client_id', 'scope'].every((claim) => typeof payload[claim] === 'string');
}
