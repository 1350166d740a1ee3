import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

export interface Context {
  oidc: { client?: Client; params?: { scope?: string; resource?: string; aud?: string } };
}
export interface Client {
  clientId: string;
}
export interface Token {
  kind: string;
  grantId?: string;
}
export interface ResourceServer {
  scope: string;
  audience: string;
  accessTokenFormat: 'jwt';
  accessTokenTTL: number;
  jwt: { sign: { alg: string } };
}
export interface Configuration {
  clients: object[];
  jwks: { keys: object[] };
  scopes: string[];
  claims: Record<string, string[]>;
  clientAuthMethods: string[];
  enabledJWA: Record<string, string[]>;
  extraParams: Record<string, (context: Context, value: string | undefined, client: Client) => void>;
  extraTokenClaims: (context: Context, token: Token) => object | undefined;
  findAccount: (context: Context, id: string) => { accountId: string; claims: () => object } | undefined;
  interactions: { url: (context: Context, interaction: Interaction) => string };
  features: {
    devInteractions: { enabled: boolean };
    clientCredentials: { enabled: boolean };
    resourceIndicators: {
      enabled: boolean;
      defaultResource: (context: Context) => string;
      useGrantedResource: () => boolean;
      getResourceServerInfo: (context: Context, resource: string, client: Client) => ResourceServer;
    };
  };
  ttl: Record<string, number>;
}
export interface Interaction {
  uid: string;
  params: { client_id: string; scope?: string; resource?: string };
}
export interface Grant {
  addOIDCScope(scope: string): void;
  addResourceScope(resource: string, scope: string): void;
  save(): Promise<string>;
}

export interface Provider {
  readonly Grant: new (properties: { accountId: string; clientId: string }) => Grant;
  callback(): RequestListener;
  interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>;
  interactionFinished(
    request: IncomingMessage,
    response: ServerResponse,
    result: { login: { accountId: string; remember: boolean }; consent: { grantId: string } },
  ): Promise<void>;
}

interface OidcProvider {
  Provider: new (issuer: string, configuration: Configuration) => Provider;
  errors: { InvalidTarget: new (description: string) => Error };
}

// The package brings no types of its own, so the parts that are used here are written down above.
const packageName: string = 'oidc-provider';
export const { Provider, errors } = (await import(packageName)) as OidcProvider;
