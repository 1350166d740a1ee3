import type {
  AuthorizationBundleRequest,
  BatchReadWriteRequest,
  ReadResponseAuthorizedRequest,
  VerifyAccessTokenRequest,
  WriteRequestAuthorizedRequest,
} from 'fhir-works-on-aws-interface';
import type { Decision } from '../access/decision.js';
import { idOf, typeOf } from '../access/judge.js';
import { isInteraction } from '../fhir/interactions.js';
import { isFhirId } from '../identity/fhir-url.js';
import type { AccessRequest, AuthenticateRequest, ExportRequest, FilterBundleRequest } from '../requests.js';
import { Collector } from './collector.js';
import type { LineOptions, Recordable } from './line.js';
import { LineMaker } from './line.js';
import type { FoundResources } from './lookups.js';
import { foundFor } from './lookups.js';
import { provedClaims, refusalOf } from './refusal.js';
import type { JsonObject } from '../json-object.js';

/** How requests are recorded. */
export interface RecorderOptions extends LineOptions {
  /** Receives each request as a line of JSON, without its end. What it throws is dropped. */
  readonly write: (line: string) => void;
}

/** Makes lines of what the methods of a handler are asked, and writes them. */
export class Notebook {
  readonly #options: RecorderOptions;
  readonly #lines: LineMaker;
  readonly #collector: Collector;
  /** What each identity was verified for: the requests that follow do not say it again. */
  readonly #urls = new WeakMap<object, VerifyAccessTokenRequest>();
  #isClosed = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#lines = new LineMaker(options);
    this.#collector = new Collector((line) => {
      try {
        this.#write(line);
      } catch {
        // As above; here it would be in a timer.
      }
    });
  }

  /** decide and authorizeSearch: a request, an entry of a batch or transaction, or what a read has found. */
  decided(request: AccessRequest, found: FoundResources, decision: Decision | undefined): void {
    const { operation, userIdentity, bulkDataAuth, resource } = request;
    if (userIdentity === undefined) {
      this.#tokenDecided(request, decision);
      return;
    }
    const looked = request.storedResource ?? foundFor(found, request.resourceType, request.id);
    const asked = { ...request, ...(looked !== undefined && { storedResource: looked }) };
    const isRequestOfEntries = operation === 'batch' || operation === 'transaction';
    if (isRequestOfEntries && decision?.decision === 'allow' && resource === undefined) {
      this.#collector.begin(userIdentity, 'entries', this.#lineOf(asked));
      return;
    }
    // What was found is judged when all that was asked is.
    const isResult = (operation === 'read' || operation === 'vread') && resource !== undefined;
    const member = this.#collector.collects(userIdentity);
    if (member === undefined || isResult) {
      this.#collector.end(userIdentity);
      this.#write({ ...this.#lineOf(asked), ...(bulkDataAuth && { bulkDataAuth }) });
    } else if (member === 'entries')
      this.#collector.add(userIdentity, this.#lines.question(asked), entryOfBundle(request));
    else {
      const { resourceType, query } = this.#lines.question(asked);
      this.#collector.add(userIdentity, { resourceType, query: query ?? [] }, undefined);
    }
  }

  /** A kick-off, whose searches are asked about afterwards; or what is asked about its job. */
  exported({ userIdentity, bulkDataAuth, types, fhirServiceBaseUrl }: ExportRequest, decision?: Decision): void {
    const about = { userIdentity, operation: '$export', ...(fhirServiceBaseUrl && { fhirServiceBaseUrl }) };
    const line = { ...this.#lineOf(about), bulkDataAuth, types };
    const isKickOff = bulkDataAuth.operation === 'initiate-export' && decision?.decision === 'allow';
    if (isKickOff) this.#collector.begin(userIdentity, 'filters', line);
    else this.#write(line);
  }

  filtered(request: FilterBundleRequest): void {
    this.#collector.end(request.userIdentity);
    this.#write(this.#lineOf(request));
  }

  /** A token that was refused: only what it is known to say. */
  refused(request: AuthenticateRequest | VerifyAccessTokenRequest, error: unknown): void {
    const refusal = refusalOf(error, request.accessToken, this.#options.smart);
    if (refusal) this.#write(this.#refusedLine(request, refusal.refused, refusal.claims));
  }

  verified(identity: object, request: VerifyAccessTokenRequest): void {
    this.#urls.set(identity, request);
    const { bulkDataAuth, fhirServiceBaseUrl } = request;
    // Of an export the router asks nothing more that tells what it is.
    if (!bulkDataAuth) return;
    const about = { userIdentity: identity, operation: '$export', ...(fhirServiceBaseUrl && { fhirServiceBaseUrl }) };
    this.#write({ ...this.#lineOf(about), bulkDataAuth });
  }

  responded({ readResponse, ...request }: ReadResponseAuthorizedRequest): void {
    const response: unknown = readResponse;
    const resourceType = typeOf(response);
    const content =
      resourceType === 'Bundle'
        ? { bundle: response }
        : { resource: response, ...(resourceType !== undefined && { resourceType }) };
    this.#collector.end(request.userIdentity);
    this.#write(this.#lineOf({ ...request, ...this.#urlOf(request), ...content }));
  }

  written({ resourceBody, ...request }: WriteRequestAuthorizedRequest, found: FoundResources): void {
    const url = this.#urlOf(request);
    const body: unknown = resourceBody;
    const resourceType = url.resourceType ?? typeOf(body);
    const content = contentOf(request.operation, body, foundFor(found, resourceType, url.id ?? idOf(body)));
    this.#write(this.#lineOf({ ...request, ...url, ...(resourceType !== undefined && { resourceType }), ...content }));
  }

  /** A batch or transaction behind FHIR Works, where all entries come at once. */
  bundled({ userIdentity, requests, fhirServiceBaseUrl }: AuthorizationBundleRequest, found: FoundResources): void {
    const { operation: verified } = this.#urls.get(userIdentity) ?? {};
    const operation = verified === 'batch' ? 'batch' : 'transaction';
    const about = { userIdentity, operation, ...(fhirServiceBaseUrl && { fhirServiceBaseUrl }) };
    const entries = requests.map((entry) => this.#lines.question(entryOf(entry, found)));
    this.#write({ ...this.#lineOf(about), entries });
  }

  /** Writes what is not complete, and nothing more. */
  close(): void {
    this.#collector.endAll();
    this.#isClosed = true;
  }

  /** A request that bears its token. What it says is known once it is verified. */
  #tokenDecided(request: AccessRequest, decision: Decision | undefined): void {
    if (decision === undefined) return;
    const refusal = decision.reasons.find(({ code }) => code === 'token-invalid' || code === 'tenant-mismatch');
    const claims = refusal ? undefined : provedClaims(request.accessToken, this.#options.smart);
    if (claims) this.#write({ claims: this.#lines.claims(claims), ...this.#about(request) });
    else this.#write(this.#refusedLine(request, refusal?.name ?? decision.reasons[0]?.code ?? 'unknown', undefined));
  }

  #refusedLine(request: object, refused: string, claims: JsonObject | undefined): JsonObject {
    const { operation, bulkDataAuth } = request as Partial<Recordable>;
    const isKnown = typeof operation === 'string' && (isInteraction(operation) || operation.startsWith('$'));
    return {
      refused,
      ...(claims && { claims: this.#lines.claims(claims) }),
      ...(isKnown && this.#about(request as Recordable)),
      ...(bulkDataAuth && { bulkDataAuth }),
    };
  }

  #lineOf(request: Recordable): JsonObject {
    return { claims: this.#lines.claims(request.userIdentity ?? {}), ...this.#about(request) };
  }

  #about(request: Recordable): JsonObject {
    const { fhirServiceBaseUrl: baseUrl } = request;
    const { operation, ...rest } = this.#lines.question(request);
    return { operation, ...(typeof baseUrl === 'string' && { baseUrl }), ...rest };
  }

  #write(line: JsonObject): void {
    if (this.#isClosed) return;
    this.#options.write(this.#lines.print(line));
  }

  /** What the URL named, where the identity was verified for this very interaction. */
  #urlOf({ userIdentity, operation }: { readonly userIdentity: object; readonly operation: string }): {
    readonly resourceType?: string;
    readonly id?: string;
    readonly vid?: string;
  } {
    const verified = this.#urls.get(userIdentity);
    if (verified?.operation !== operation) return {};
    const { resourceType, id, vid } = verified;
    return {
      ...(resourceType !== undefined && { resourceType }),
      // The router hands over the id as it stands in the path.
      ...(id !== undefined && isFhirId(id) && { id }),
      ...(vid !== undefined && { vid }),
    };
  }
}

/** The position of the entry in its batch or transaction. Who asks may tell; no decision depends on it. */
function entryOfBundle(request: AccessRequest & { readonly entry?: unknown }): number | undefined {
  return typeof request.entry === 'number' ? request.entry : undefined;
}

/** An entry of a Bundle, as the router has read it. */
function entryOf({ operation, resourceType, id, vid, resource }: BatchReadWriteRequest, found: FoundResources) {
  const stored = foundFor(found, resourceType, id);
  const isWrite = operation === 'create' || operation === 'update' || operation === 'patch';
  return {
    operation,
    resourceType,
    ...(id !== '' && { id }),
    ...(vid !== undefined && { vid }),
    ...(isWrite && contentOf(operation, resource as unknown, stored)),
    // In a Bundle only a lookup knows what would be deleted.
    ...(operation === 'delete' && { storedResource: stored ?? null }),
  };
}

/** What the body of a write is. Of a patch that is no list, nobody knows that it is one, unless what is stored is known. */
function contentOf(operation: string, body: unknown, stored: unknown): Partial<Recordable> {
  if (operation === 'delete') return { storedResource: body };
  const isPatch = operation === 'patch' && (Array.isArray(body) || stored !== undefined);
  return {
    ...(isPatch ? { patch: body } : { resource: body }),
    ...(stored !== undefined && { storedResource: stored }),
  };
}
