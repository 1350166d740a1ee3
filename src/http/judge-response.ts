import omit from 'lodash/omit.js';
import { ANY_TYPE, typeOf } from '../access/judge.js';
import type { Decision } from '../access/decision.js';
import { deny } from '../access/decision.js';
import { gatheredEntries, linkedEntries } from '../access/query/linked.js';
import type { FilteredBundle } from '../access/read-filter.js';
import { isAsking, isSearch } from '../fhir/interactions.js';
import type { Interaction } from '../scope/rule.js';
import { once } from '../once.js';
import { decide, filterBundle } from './ask.js';
import type { Asking } from './asking.js';
import { opensAll } from './asking.js';
import type { Answer } from './outcome.js';
import { bareOutcome, refusal } from './outcome.js';
import { notFound, refuse } from './refuse.js';
import type { FhirRequest, HeaderBag, InteractionRequest, OperationRequest, Pairs } from './request.js';
import type { JsonObject } from '../json-object.js';

/** What the server answered: a status and a resource, if there is one. */
export interface Received {
  readonly status: number;
  /** Undefined for no body at all. */
  readonly resource: unknown;
  /** Those of the whole answer, names in lower case; the result in a Bundle has none. */
  readonly headers?: HeaderBag;
}

/** What the client gets, and which of the server's headers go with it. */
export interface Judged extends Answer {
  /** `lists` keeps all but ETag and Last-Modified, which tell of what was filtered out. */
  readonly keeps: 'all' | 'lists' | 'none';
}

/** A refusal in place of what the server answered: none of its headers goes with it. */
export function instead(answer: Answer): Judged {
  return { keeps: 'none', ...answer };
}

/** What the server answered to a read or vread, if the caller may see it. */
export function judgeRead(asking: Asking, request: InteractionRequest, received: Received): Judged | Promise<Judged> {
  const common = judgeCommon(asking, request, received);
  if (common) return common;
  const { resource } = received;
  if (typeOf(resource) !== request.resourceType) return instead(unjudged());
  const question = {
    operation: request.interaction,
    resource,
    ...(request.resourceType !== undefined && { resourceType: request.resourceType }),
    ...(request.id !== undefined && { id: request.id }),
    ...asking.about,
  };
  return once(decide(asking.handler, question), (decision) => shownIfAllowed(asking, request, received, decision));
}

function shownIfAllowed(
  asking: Asking,
  request: InteractionRequest | OperationRequest,
  { status, resource }: Received,
  decision: Decision,
): Judged {
  if (decision.decision === 'deny') return instead(refuse(asking, request, decision));
  return { status, headers: {}, body: resource as JsonObject, keeps: 'all' };
}

/**
 * A searchset or a history, without the entries that the caller may not see.
 *
 * @param pages Whether other pages hold nothing that the caller may not see.
 */
export function judgeList(
  asking: Asking,
  request: InteractionRequest,
  received: Received,
  pages: boolean,
): Judged | Promise<Judged> {
  const common = judgeCommon(asking, request, received);
  if (common) return common;
  return once(filter(asking, request.interaction, request, received.resource, pages), (bundle) => {
    // No resource is without a version: an empty history would tell that there is one that is not the caller's.
    if (bundle && request.interaction === 'history-instance' && (bundle['entry'] as readonly unknown[]).length === 0) {
      return instead(refuse(asking, request, deny({ code: 'not-referenced' })));
    }
    return listed(received, bundle);
  });
}

function listed({ status }: Received, bundle: JsonObject | undefined): Judged {
  return bundle ? { status, headers: {}, body: bundle, keeps: 'lists' } : instead(unjudged());
}

/**
 * What an operation returned: a Bundle is filtered by what the caller may read, a resource is judged as if it had been
 * read. Parameters may hold anything, so they are for those alone who may see everything.
 *
 * @param gathered What is known of what it gathers.
 */
export function judgeOperation(
  asking: Asking,
  request: OperationRequest,
  received: Received,
  gathered: Gathered,
): Judged | Promise<Judged> {
  const common = judgeCommon(asking, request, received);
  if (common) return common;
  const { status, resource } = received;
  const type = typeOf(resource);
  if (type === 'Bundle') {
    return once(filter(asking, 'read', request, resource, gathered.isPaged, gathered.isComplete), (bundle) =>
      listed(received, bundle),
    );
  }
  if (type === 'OperationOutcome') return { status, headers: {}, body: bareOutcome(resource), keeps: 'all' };
  if (type === 'Parameters') {
    const open = opensAll(asking, 'read', ANY_TYPE);
    return open ? { status, headers: {}, body: resource as JsonObject, keeps: 'all' } : instead(unjudged());
  }
  if (type === undefined) return instead(unjudged());
  return once(
    decide(asking.handler, { operation: 'read', resourceType: type, resource, ...asking.about }),
    (decision) => shownIfAllowed(asking, request, received, decision),
  );
}

/** What an operation gathers. */
interface Gathered {
  /** Whether nothing that the caller may not see is among it: nothing of what is shown can be there for that. */
  readonly isComplete: boolean;
  /** Whether other pages may be told of. */
  readonly isPaged: boolean;
}

/** What a write answered with. It is done; what of it may not be shown is left out, as for `Prefer: return=minimal`. */
export async function judgeWritten(asking: Asking, request: InteractionRequest, received: Received): Promise<Judged> {
  const common = judgeCommon(asking, request, received);
  if (common) return common;
  const { status, resource } = received;
  if (typeOf(resource) === 'OperationOutcome') {
    return { status, headers: {}, body: bareOutcome(resource), keeps: 'all' };
  }
  const shown = typeOf(resource) === request.resourceType && (await maySeeWritten(asking, request, resource));
  return { status, headers: {}, body: shown ? (resource as JsonObject) : undefined, keeps: 'all' };
}

async function maySeeWritten(asking: Asking, request: InteractionRequest, resource: unknown): Promise<boolean> {
  try {
    // What was stored before shows in all of these answers but that of a plain create: a patch may change nothing at all.
    const operation: Interaction = request.interaction === 'create' && !request.condition ? 'create' : 'read';
    await asking.handler.authorizeAndFilterReadResponse({ operation, readResponse: resource, ...asking.about });
    return true;
  } catch {
    return false;
  }
}

/** What does not depend on the interaction: errors, and answers without a body. Undefined for a resource to judge. */
export function judgeCommon(asking: Asking, request: FhirRequest, { status, resource }: Received): Judged | undefined {
  if (status >= 400 && status <= 599) {
    if (asking.settings.hideForbidden && request.id !== undefined && (status === 404 || status === 410)) {
      return instead(notFound());
    }
    return { status, headers: {}, body: errorBody(asking, resource), keeps: 'lists' };
  }
  // Elsewhere, later or in part: nothing that could be judged.
  if (status < 200 || status > 299 || status === 202 || status === 206) return instead(unjudged());
  if (resource !== undefined) return undefined;
  // What was to be read is not there: its headers alone tell that it exists, and how large it is.
  if (request.kind === 'interaction' && isAsking(request.interaction)) return instead(unjudged());
  return { status, headers: {}, body: undefined, keeps: 'all' };
}

function errorBody(asking: Asking, resource: unknown): JsonObject {
  const whole = typeOf(resource) === 'OperationOutcome' && opensAll(asking, 'read', ANY_TYPE);
  return whole ? (resource as JsonObject) : bareOutcome(resource);
}

/** Members of a Bundle that say nothing about what was filtered out. */
const KEPT_MEMBERS = ['resourceType', 'id', 'type', 'timestamp', 'total', 'link', 'entry'];

function filter(
  asking: Asking,
  operation: Interaction,
  request: FhirRequest,
  bundle: unknown,
  pages: boolean,
  isComplete = true,
): JsonObject | undefined | Promise<JsonObject | undefined> {
  if (typeOf(bundle) !== 'Bundle') return undefined;
  return once(filterBundle(asking.handler, { operation, bundle, ...asking.about }), (filtered) =>
    withoutTraces(asking, operation, request, bundle, filtered, pages, isComplete),
  );
}

/** What is left of a Bundle, without what would tell of the rest. */
function withoutTraces(
  asking: Asking,
  operation: Interaction,
  request: FhirRequest,
  bundle: unknown,
  filtered: FilteredBundle,
  pages: boolean,
  isComplete: boolean,
): JsonObject {
  const kept = Object.fromEntries(
    KEPT_MEMBERS.flatMap((name) => {
      const value = filtered.bundle[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const { total } = bundle as JsonObject;
  const entries = filtered.bundle['entry'] as readonly unknown[];
  const plain = entries.map(plainEntry);
  const isWhole = filtered.dropped === 0 && isComplete;
  const shown = isWhole ? plain : accountedFor(asking, operation, request, plain);
  kept['entry'] = shown;
  // Includes do not count (FHIR R4, Bundle.total); of what an operation gathers, nobody knows what does.
  if (!isSearch(operation) && shown.length < plain.length) delete kept['total'];
  // An operation may gather resources of any type, whatever the type that it is called on.
  const opens = (): boolean =>
    opensAll(asking, operation, request.kind === 'operation' ? ANY_TYPE : request.resourceType);
  // The gate leaves a count to those alone who may see all that is counted; it judges searches, and nothing else.
  const isCount = asksForCount(request.parameters) && entries.length === 0 && filtered.dropped === 0;
  if (isCount && (isSearch(operation) || opens())) {
    return { ...kept, ...(total !== undefined && { total }) };
  }
  const found = matchesIn((bundle as JsonObject)['entry']);
  const isPart = isPaged(bundle as JsonObject) || (typeof total === 'number' && total > found);
  if (!isPart || opens()) {
    return isTheSame(kept, bundle as JsonObject) ? (bundle as JsonObject) : kept;
  }
  // Where matches were dropped, there is more than the caller's own, whatever the server was asked for.
  const isOwn = asking.settings.paging === 'any' || (pages && found === matchesIn(entries));
  const hidden = new Set(isOwn ? ['last'] : PAGE_LINKS);
  const link = ((kept['link'] ?? []) as readonly unknown[]).filter((each) => !hidden.has(relationOf(each)));
  return { ...omit(kept, 'total'), link };
}

/** Of the entries that may be seen, those that are not there for one that was dropped. */
function accountedFor(
  { settings }: Asking,
  operation: Interaction,
  request: FhirRequest,
  entries: readonly unknown[],
): readonly unknown[] {
  if (isSearch(operation)) return linkedEntries(entries, settings.version, request.parameters);
  const isEverything = request.kind === 'operation' && request.operation === '$everything';
  return isEverything ? gatheredEntries(entries, request) : entries;
}

/** Whether nothing was left out of a Bundle, so that the text that it came in may be handed on. */
function isTheSame(kept: JsonObject, bundle: JsonObject): boolean {
  const [names, own] = [Object.keys(kept), Object.keys(bundle)];
  return names.length === own.length && names.every((name) => isSameMember(kept[name], bundle[name]));
}

function isSameMember(kept: unknown, member: unknown): boolean {
  if (!Array.isArray(kept) || !Array.isArray(member)) return kept === member;
  return kept.length === member.length && kept.every((each, index) => each === member[index]);
}

/** An entry without what may speak of other resources: links, outcomes, and the search of a conditional request. */
function plainEntry(entry: unknown): unknown {
  const { link, request, response } = entry as {
    readonly link?: unknown;
    readonly request?: JsonObject;
    readonly response?: JsonObject;
  };
  // What a search finds has, as a rule, none of them.
  if (link === undefined && request === undefined && response === undefined) return entry;
  const { url } = request ?? {};
  return {
    ...omit(entry as JsonObject, 'link', 'request', 'response'),
    ...(request && {
      request:
        typeof url === 'string' && url.includes('?')
          ? omit(request, 'url', 'ifNoneExist')
          : omit(request, 'ifNoneExist'),
    }),
    ...(response && { response: omit(response, 'outcome') }),
  };
}

function asksForCount(parameters: Pairs): boolean {
  return parameters.some(
    ([name, value]) => `${name}=${value}` === '_summary=count' || `${name}=${value}` === '_count=0',
  );
}

function isPaged({ link }: JsonObject): boolean {
  return Array.isArray(link) && link.some((each) => PAGE_LINKS.includes(relationOf(each)));
}

const PAGE_LINKS: readonly string[] = ['next', 'previous', 'prev', 'last'];

/** The entries that the search itself found, includes and outcomes aside. */
function matchesIn(entries: unknown): number {
  const modes = (Array.isArray(entries) ? (entries as readonly unknown[]) : []).map(
    (each) => ((each as JsonObject | null)?.['search'] as JsonObject | undefined)?.['mode'],
  );
  return modes.filter((mode) => mode === undefined || mode === 'match').length;
}

function relationOf(link: unknown): string {
  const relation = typeof link === 'object' && link !== null && (link as JsonObject)['relation'];
  return typeof relation === 'string' ? relation : '';
}

/** The server answered with something that nobody can judge. */
export function unjudged(): Answer {
  return refusal(403, 'forbidden');
}
