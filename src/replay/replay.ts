import type { Decision } from '../access/decision.js';
import { allow, deny } from '../access/decision.js';
import type { HostOptions } from '../config-file/create.js';
import { createHandlerFrom } from '../config-file/create.js';
import type { Settings } from '../config-file/settings.js';
import type { SMARTConfig } from '../config.js';
import { DeniedError } from '../denied-error.js';
import { isSearch } from '../fhir/interactions.js';
import type { SMARTHandler } from '../handler.js';
import type { UserIdentity } from '../identity/identity.js';
import type { AccessRequest } from '../requests.js';
import { callerOf } from './caller.js';
import type { RecordedQuestion, RecordedRequest } from './request.js';

/** What a configuration makes of a recorded request. */
export interface Outcome {
  readonly decision: Decision;
  /** For a Bundle of results: by position, whether each entry may be seen. For a batch: whether each is executed. */
  readonly entries?: readonly boolean[];
  /** For a batch: the decision about each entry. */
  readonly decisions?: readonly Decision[];
  /** For a transaction that is refused: the entry for which it is, counted from 1. */
  readonly entry?: number;
  /** For a search: the parameters that are taken out of its query. */
  readonly removed?: readonly string[];
  /** For an export: the types that may be written out. */
  readonly types?: readonly string[];
  /** Whether the token is accepted, and no more is known: what was asked with it was not recorded. */
  readonly accepted?: boolean;
}

/** What no file can hold and decisions depend on: rules of the host's, tenants, stored resources that no line has. */
export type ReplayHost = Pick<HostOptions, 'lookup' | 'narrow' | 'tenantOf'>;

/** Who asks, and under which base URL: what all questions of one request have in common. */
type About = Pick<AccessRequest, 'fhirServiceBaseUrl'> & { readonly userIdentity: UserIdentity };

/** Decides recorded requests anew, by one configuration. */
export class Replay {
  readonly #settings: Settings & { readonly baseUrl: string };
  readonly #tenantOf: ReplayHost['tenantOf'];
  readonly #handler: SMARTHandler;
  /** The decision that the handler told of last. */
  #told: Decision | undefined;

  /**
   * @param settings With baseUrl and fhirVersion.
   * @param host Default none: then the lines and the configuration decide alone.
   */
  constructor(settings: Settings & { readonly baseUrl: string }, host: ReplayHost = {}) {
    this.#settings = settings;
    this.#tenantOf = host.tenantOf;
    this.#handler = createHandlerFrom(settings, {
      ...host,
      onDecision: ({ decision }) => {
        this.#told = decision;
      },
    });
  }

  /** What becomes of a request. Never rejects for what it says. */
  async outcome(request: RecordedRequest): Promise<Outcome> {
    const { claims, refused, baseUrl, bundle, entries, operation } = request;
    // What proved nothing here proves nothing elsewhere.
    if (refused !== undefined && Object.keys(claims).length === 0) {
      return { decision: deny({ code: 'token-invalid', name: refused }) };
    }
    const realm = this.#realmOf(baseUrl);
    if (!realm) return { decision: deny({ code: 'tenant-mismatch' }) };
    const caller = callerOf(claims, realm.smart, baseUrl ?? realm.baseUrl);
    if ('denied' in caller) return { decision: caller.denied };
    if (operation === 'authenticate') return { decision: allow('scope-covers'), accepted: true };
    const about: About = {
      userIdentity: caller.identity,
      ...(baseUrl !== undefined && { fhirServiceBaseUrl: baseUrl }),
    };
    const question: RecordedQuestion = { ...request, operation };
    if (request.bulkDataAuth) return this.#export(about, request);
    if (entries) return this.#entries(about, question, entries);
    if (bundle !== undefined) return this.#bundle(about, question, bundle);
    return this.#question(about, question);
  }

  #realmOf(fhirServiceBaseUrl: string | undefined): { smart: SMARTConfig; baseUrl: string } | undefined {
    if (!this.#tenantOf) return this.#settings;
    try {
      const tenant = this.#tenantOf(fhirServiceBaseUrl === undefined ? {} : { fhirServiceBaseUrl });
      return tenant && { smart: tenant.config, baseUrl: tenant.apiUrl };
    } catch {
      return undefined;
    }
  }

  async #question(about: About, recorded: RecordedQuestion): Promise<Outcome> {
    const { query } = recorded;
    const question = { ...about, ...questionOf(recorded) };
    if (query === undefined) return { decision: await this.#handler.decide(question) };
    if (isSearch(question.operation)) {
      const { decision, removed } = await this.#handler.authorizeSearch({ ...question, query });
      return { decision, removed };
    }
    const decision = await this.#handler.decide(question);
    if (decision.decision === 'deny' || recorded.conditional !== true) return { decision };
    return { decision: (await this.#mayFind(question, query)) ? decision : deny({ code: 'stored-unknown' }) };
  }

  /** Whether the search of a conditional write may run: what it finds, only the server knows. */
  async #mayFind(question: AccessRequest & About, query: NonNullable<RecordedQuestion['query']>): Promise<boolean> {
    const { operation, resourceType, userIdentity, fhirServiceBaseUrl } = question;
    if (resourceType === undefined || isOperationName(operation)) return false;
    const about = { userIdentity, resourceType, ...(fhirServiceBaseUrl !== undefined && { fhirServiceBaseUrl }) };
    const search = await this.#handler.authorizeSearch({ ...about, operation: 'search-type', query });
    if (search.decision.decision === 'deny' || search.removed.length > 0) return false;
    const opens = (each: typeof operation): Promise<boolean> =>
      this.#handler.opensWholeType({ ...about, operation: each });
    return (await opens('search-type')) && (operation === 'create' || (await opens(operation)));
  }

  /** A transaction is refused whole with the first entry that is; a batch goes on without it. */
  async #entries(about: About, request: RecordedQuestion, entries: readonly RecordedQuestion[]): Promise<Outcome> {
    const whole = await this.#handler.decide({ ...about, operation: request.operation });
    if (whole.decision === 'deny') return { decision: whole };
    const decisions: Decision[] = [];
    for (const [index, entry] of entries.entries()) {
      const { decision } = await this.#question(about, entry);
      if (decision.decision === 'deny' && request.operation === 'transaction') return { decision, entry: index + 1 };
      decisions.push(decision);
    }
    if (request.operation === 'transaction') return { decision: whole };
    return { decision: whole, entries: decisions.map(({ decision }) => decision === 'allow'), decisions };
  }

  /** A kick-off with its searches, or a question about a job. */
  async #export(about: About, { bulkDataAuth, types, filters = [] }: RecordedRequest): Promise<Outcome> {
    if (!bulkDataAuth) return { decision: deny({ code: 'bulk-operation-unsupported' }) };
    const granted = await this.#handler.authorizeExport({ ...about, bulkDataAuth, ...(types && { types }) });
    if (granted.decision.decision === 'deny') return { decision: granted.decision };
    for (const { resourceType, query } of filters) {
      const lacks = deny({ code: 'scope-not-for-export', resourceType });
      if (!granted.types.includes(resourceType)) return { decision: lacks };
      const search = { ...about, operation: 'search-type', resourceType, query } as const;
      const { decision, removed } = await this.#handler.authorizeSearch(search);
      if (decision.decision === 'deny') return { decision };
      if (removed.length > 0) return { decision: lacks };
    }
    const isStart = bulkDataAuth.operation === 'initiate-export';
    return { decision: granted.decision, ...(isStart && { types: [...granted.types].sort() }) };
  }

  async #bundle(about: About, recorded: RecordedQuestion, bundle: unknown): Promise<Outcome> {
    const { operation } = recorded;
    const question: AccessRequest = { ...about, ...questionOf(recorded) };
    if (isOperationName(operation)) return { decision: await this.#handler.decide(question) };
    try {
      this.#told = undefined;
      const filtering = this.#handler.filterBundle({ ...about, operation, bundle });
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

/** The members that decide() takes; a query goes another way. */
function questionOf(recorded: RecordedQuestion): Omit<AccessRequest, 'userIdentity' | 'query'> {
  const { operation, resourceType, id, vid, conditional } = recorded;
  return {
    operation,
    ...(resourceType !== undefined && { resourceType }),
    ...(id !== undefined && { id }),
    ...(vid !== undefined && { vid }),
    ...(conditional !== undefined && { conditional }),
    ...('resource' in recorded && { resource: recorded.resource }),
    ...('storedResource' in recorded && { storedResource: recorded.storedResource }),
    ...('patch' in recorded && { patch: recorded.patch }),
  };
}

function isOperationName(operation: AccessRequest['operation']): operation is `$${string}` {
  return operation.startsWith('$');
}

function entriesOf(bundle: unknown): readonly unknown[] {
  if (typeof bundle !== 'object' || bundle === null || !('entry' in bundle)) return [];
  return Array.isArray(bundle.entry) ? bundle.entry : [];
}
