/**
 * The part of oidc-provider's interface that is used here. Written down because the package comes without types, and
 * narrow so that what this code depends on can be seen at a glance.
 */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  /** Koa's context, with oidc-provider's own state. */
  export interface Context {
    readonly path: string;
    readonly method: string;
    readonly res: ServerResponse;
    body: unknown;
    status: number;
    type: string;
    set(name: string, value: string): void;
    remove(name: string): void;
    readonly oidc: {
      readonly params: Record<string, string | undefined>;
      readonly result?: { readonly consent?: { readonly grantId?: string } };
      readonly entities: {
        readonly Grant?: Grant;
        readonly Client?: { readonly clientId: string };
      };
    };
  }

  export interface Grant {
    readonly jti: string;
    readonly accountId: string;
    readonly clientId: string;
    addOIDCScope(scope: string): void;
    rejectOIDCScope(scope: string): void;
    addResourceScope(resource: string, scope: string): void;
    rejectResourceScope(resource: string, scope: string): void;
    getResourceScope(resource: string): string;
    save(): Promise<string>;
  }

  export interface Token {
    readonly kind: string;
    readonly jti: string;
    readonly clientId: string;
    readonly grantId?: string;
    readonly expiration: number;
    destroy(): Promise<void>;
  }

  export interface Interaction {
    readonly uid: string;
    readonly params: Readonly<Record<string, unknown>>;
  }

  export class Provider {
    constructor(issuer: string, configuration: object);
    readonly issuer: string;
    proxy: boolean;
    silent: boolean;
    callback(): (req: IncomingMessage, res: ServerResponse) => Promise<void>;
    use(middleware: (ctx: Context, next: () => Promise<void>) => Promise<void>): this;
    on(event: 'error', listener: (error: unknown) => void): this;
    on(event: 'server_error', listener: (ctx: Context, error: unknown) => void): this;
    interactionDetails(req: IncomingMessage, res: ServerResponse): Promise<Interaction>;
    interactionFinished(req: IncomingMessage, res: ServerResponse, result: object): Promise<void>;
    readonly Grant: {
      new (grant: { accountId: string; clientId: string }): Grant;
      find(id: string): Promise<Grant | undefined>;
    };
    readonly RefreshToken: { find(value: string): Promise<Token | undefined> };
  }

  export namespace errors {
    class OIDCProviderError extends Error {
      readonly error: string;
    }
    class InvalidGrant extends OIDCProviderError {
      constructor(detail?: string);
    }
    class InvalidRequest extends OIDCProviderError {
      constructor(description: string);
    }
    class InvalidScope extends OIDCProviderError {
      constructor(description: string, scope?: string);
    }
    class SessionNotFound extends OIDCProviderError {}
  }
}
