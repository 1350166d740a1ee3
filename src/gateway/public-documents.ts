import type { FinalAnswer } from '../http/guard.js';
import type { PublicRequest } from '../http/request.js';
import { searchParametersOf } from '../http/narrow-search.js';
import { outcomeOf } from '../http/outcome.js';
import { failureAnswer, jsonAnswer } from './answer.js';
import type { BaseUrls } from './base-urls.js';
import { Cached } from './cached.js';
import { bareStatement, guardedStatement } from './capability-statement.js';
import { optionsAnswer } from './cors.js';
import { readAnswer } from './read-answer.js';
import type { SmartConfiguration } from './smart-configuration.js';
import type { Upstream } from './upstream.js';
import { UpstreamError } from './upstream-error.js';

const MAX_AGE_MS = 60_000;

type SearchParameters = ReturnType<typeof searchParametersOf>;

export interface Described {
  readonly upstream: Upstream;
  readonly bases: BaseUrls;
  readonly baseUrl: string;
  readonly fhirVersion: string;
  readonly configuration: SmartConfiguration;
}

/** What the server tells everybody: what it can do, and where tokens come from. The same for all, so it is kept a while. */
export class PublicDocuments {
  readonly #described: Described;
  readonly #statement: Cached<unknown>;
  #followed: SearchParameters | undefined;
  /** CapabilityStatement.date of a statement of our own. */
  readonly #since = new Date().toISOString();

  constructor(described: Described) {
    this.#described = described;
    this.#statement = new Cached(() => this.#fetchStatement(), MAX_AGE_MS);
  }

  /** The search parameters that upstream follows, by type: none before {@link lookForParameters} was first awaited. */
  get followed(): SearchParameters {
    return this.#followed ?? {};
  }

  /** Sees to it that the search parameters are known: waits for the first time, and has them renewed later on. */
  async lookForParameters(): Promise<void> {
    const renewed = this.#statement.get().then(
      (statement) => {
        this.#followed = searchParametersOf(statement);
      },
      // Then searches are not narrowed, or as before.
      () => undefined,
    );
    if (!this.#followed) await renewed;
  }

  /** @throws UpstreamError */
  async answer({ kind, format }: PublicRequest): Promise<FinalAnswer> {
    if (kind === 'options') return optionsAnswer();
    if (format === 'other') return failureAnswer(406);
    return kind === 'capabilities' ? this.#capabilities() : this.#smartConfiguration();
  }

  async #capabilities(): Promise<FinalAnswer> {
    const statement = await this.#statement.get();
    const { configuration, baseUrl, bases } = this.#described;
    // Without the authorization server there are no addresses of it to tell.
    const stated = await configuration.get().catch(() => undefined);
    const guarded = guardedStatement(statement, baseUrl, bases, stated);
    if (!guarded) throw new UpstreamError('ERR_UPSTREAM_MALFORMED');
    return jsonAnswer(200, guarded, KEPT);
  }

  async #smartConfiguration(): Promise<FinalAnswer> {
    try {
      const configuration = await this.#described.configuration.get();
      if (!configuration) return jsonAnswer(404, outcomeOf('not-found'));
      return jsonAnswer(200, configuration, KEPT, 'application/json');
    } catch {
      return failureAnswer(502);
    }
  }

  async #fetchStatement(): Promise<unknown> {
    const { upstream, bases, fhirVersion } = this.#described;
    const headers = { accept: 'application/fhir+json', 'accept-encoding': 'identity' };
    const never = new AbortController().signal;
    const answer = await upstream.send({ method: 'GET', below: '/metadata', headers }, never);
    if ([400, 404, 405, 501].includes(answer.status)) return bareStatement(fhirVersion, this.#since);
    if (answer.status !== 200) throw new UpstreamError('ERR_UPSTREAM_MALFORMED');
    return readAnswer(answer, bases)?.value;
  }
}

const KEPT = { 'cache-control': `public, max-age=${MAX_AGE_MS / 1000}` };
