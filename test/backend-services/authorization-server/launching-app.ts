import { createHash, randomBytes } from 'node:crypto';
import { Browser } from './browser.js';
import type { RunningServer } from './running-server.js';
import { FHIR_BASE } from './running-server.js';
import type { Answer } from './token-request.js';
import { postForm } from './token-request.js';

export const REDIRECT = 'https://app.example/callback';

/** What an app sends besides what every app sends; undefined leaves a parameter out. */
export type LaunchParameters = Readonly<Record<string, string | undefined>>;

export interface Visit {
  readonly browser: Browser;
  readonly response: Response;
  readonly verifier: string;
  readonly state: string;
}

/** An app and the browser of its user, one step at a time, so that a test can break each. */
export class LaunchingApp {
  readonly #as: Pick<RunningServer, 'server' | 'token'>;
  readonly #clientId: string;

  constructor(as: Pick<RunningServer, 'server' | 'token'>, clientId = 'app') {
    this.#as = as;
    this.#clientId = clientId;
  }

  /** Sends the user to the authorization endpoint. */
  async start(scope: string, params: LaunchParameters = {}, browser = new Browser()): Promise<Visit> {
    const verifier = randomBytes(48).toString('base64url');
    const state = randomBytes(16).toString('base64url');
    const all: LaunchParameters = {
      response_type: 'code',
      client_id: this.#clientId,
      redirect_uri: REDIRECT,
      scope,
      state,
      aud: FHIR_BASE,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...params,
    };
    const query = new URLSearchParams(
      Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    const response = await browser.fetch(`${this.#as.server.endpoints.authorization}?${query.toString()}`);
    return { browser, response, verifier, state };
  }

  /** From the redirect to the interaction page until the app has the user back. */
  async finish({ browser, response }: Pick<Visit, 'browser' | 'response'>): Promise<URL> {
    const page = Browser.location(response);
    const done = await browser.fetch(page.href, { method: 'POST', body: 'go' });
    return Browser.location(await browser.fetch(Browser.location(done).href));
  }

  exchange(back: URL, { verifier }: Pick<Visit, 'verifier'>, form: LaunchParameters = {}): Promise<Answer> {
    return postForm(this.#as.token, {
      grant_type: 'authorization_code',
      client_id: this.#clientId,
      redirect_uri: REDIRECT,
      code: back.searchParams.get('code') ?? undefined,
      code_verifier: verifier,
      ...form,
    });
  }

  /** A whole launch: the answer of the token endpoint. */
  async launch(scope: string, params: LaunchParameters = {}): Promise<Answer> {
    const visit = await this.start(scope, params);
    return this.exchange(await this.finish(visit), visit);
  }
}
