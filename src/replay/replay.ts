import type { Decision } from '../access/decision.js';
import { createHandlerFrom } from '../config-file/create.js';
import type { Settings } from '../config-file/settings.js';
import { DeniedError } from '../denied-error.js';
import type { SMARTHandler } from '../handler.js';
import type { AccessRequest } from '../requests.js';
import { callerOf } from './caller.js';
import type { RecordedRequest } from './request.js';

/** What a configuration makes of a recorded request. */
export interface Outcome {
  readonly decision: Decision;
  /** For a Bundle: by position, whether each entry may be seen. */
  readonly entries?: readonly boolean[];
  /** For a search: the parameters that are taken out of its query. */
  readonly removed?: readonly string[];
}

/** Decides recorded requests anew, by one configuration. */
export class Replay {
  readonly #settings: Settings & { readonly baseUrl: string };
  readonly #handler: SMARTHandler;
  /** The decision that the handler told of last. */
  #told: Decision | undefined;

  /** @param settings With baseUrl and fhirVersion. */
  constructor(settings: Settings & { readonly baseUrl: string }) {
    this.#settings = settings;
    this.#handler = createHandlerFrom(settings, {
      onDecision: ({ decision }) => {
        this.#told = decision;
      },
    });
  }

  /** What becomes of a request. Never rejects for what it says. */
  async outcome(request: RecordedRequest): Promise<Outcome> {
    const { claims, baseUrl, bundle, query, ...about } = request;
    const caller = callerOf(claims, this.#settings.smart, baseUrl ?? this.#settings.baseUrl);
    if ('denied' in caller) return { decision: caller.denied };
    const question: AccessRequest = {
      ...(about as Omit<AccessRequest, 'userIdentity'>),
      userIdentity: caller.identity,
      ...(baseUrl !== undefined && { fhirServiceBaseUrl: baseUrl }),
    };
    if (bundle !== undefined) return this.#bundle(question, bundle);
    if (query === undefined || !isSearch(question.operation)) return { decision: await this.#handler.decide(question) };
    const { decision, removed } = await this.#handler.authorizeSearch({ ...question, query });
    return { decision, removed };
  }

  async #bundle(question: AccessRequest, bundle: unknown): Promise<Outcome> {
    const { operation, userIdentity = {}, fhirServiceBaseUrl } = question;
    if (isOperationName(operation)) return { decision: await this.#handler.decide(question) };
    try {
      this.#told = undefined;
      const filtering = this.#handler.filterBundle({
        operation,
        userIdentity,
        bundle,
        ...(fhirServiceBaseUrl !== undefined && { fhirServiceBaseUrl }),
      });
      // A Bundle is judged in one turn, so that what was told meanwhile is about it. Whether anything may be found at all is
      // told, not returned.
      const told = this.#told as Decision | undefined;
      const filtered = await filtering;
      const kept = new Set(entriesOf(filtered.bundle));
      const decision = told ?? (await this.#handler.decide({ ...question, resource: undefined }));
      return { decision, entries: entriesOf(bundle).map((entry) => kept.has(entry)) };
    } catch (error) {
      if (error instanceof DeniedError) return { decision: error.decision };
      throw error;
    }
  }
}

function isSearch(operation: string): boolean {
  return operation === 'search-type' || operation === 'search-system';
}

function isOperationName(operation: AccessRequest['operation']): operation is `$${string}` {
  return operation.startsWith('$');
}

function entriesOf(bundle: unknown): readonly unknown[] {
  if (typeof bundle !== 'object' || bundle === null || !('entry' in bundle)) return [];
  return Array.isArray(bundle.entry) ? bundle.entry : [];
}
