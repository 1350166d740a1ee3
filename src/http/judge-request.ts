import omit from 'lodash/omit.js';
import type { Decision } from '../access/decision.js';
import { deny } from '../access/decision.js';
import { ANY_TYPE, idOf, typeOf } from '../access/judge.js';
import { isPending, once } from '../once.js';
import type { AccessRequest, GatedSearch, KnownRequest, KnownSearch } from '../requests.js';
import { answersAtOnce, authorizeSearch, decide } from './ask.js';
import type { Asking } from './asking.js';
import { coversAllTypes, isCaller, opensAll } from './asking.js';
import { hasConditionalReference } from './conditional-reference.js';
import type { Content } from './content.js';
import { NOTHING, contentFor } from './content.js';
import { carryNumbers } from './exact-numbers.js';
import type { Judged, Received } from './judge-response.js';
import { judgeList, judgeOperation, judgeRead, judgeWritten } from './judge-response.js';
import { narrowingOf } from './narrow-search.js';
import { isPartialParameter, parameterNames, withoutPartialParameters } from './operation-parameters.js';
import type { Answer } from './outcome.js';
import { refusal } from './outcome.js';
import { asksForOwn, withoutPaging } from './paging.js';
import { baseOf } from './query.js';
import { notFound, refuse } from './refuse.js';
import type { FhirRequest, InteractionRequest, OperationRequest, Pairs } from './request.js';

type Respond = (received: Received) => Judged | Promise<Judged>;

/** A request that may be executed, as it is to be executed, and what becomes of the answer. */
export interface Passed {
  readonly request: FhirRequest;
  readonly content: Content;
  readonly respond: Respond;
  /** The same, so that what was answered cannot change while it is judged. Undefined where somebody has to be asked. */
  readonly respondAtOnce?: (received: Received) => Judged | undefined;
}

/** Everything that is judged at once may also be judged later. */
function answering(asking: Asking, respond: Respond): Pick<Passed, 'respond' | 'respondAtOnce'> {
  const respondAtOnce = (received: Received): Judged | undefined => {
    // Now, not before: who starts to record, say, puts another method in its place while requests are under way.
    if (!answersAtOnce(asking.handler)) return undefined;
    const judged = respond(received);
    if (isPending(judged)) throw new TypeError('what is judged at once has nothing to wait for');
    return judged;
  };
  return { respond, respondAtOnce };
}

/** The verdict over one request. */
export type Verdict = { readonly refused: Answer } | Passed;

/** Parameters about the form of an answer, which say nothing about what is asked. */
const FORM = new Set(['_format', '_pretty']);

/** Parameters that take elements away by which a resource is judged; a server may ignore them (FHIR R4, 3.1.0.1.7). */
const PARTIAL = new Set(['_summary', '_elements']);

/** Parameters of a history (FHIR R4, 3.1.0.11), and those of paging that are in common use. */
const HISTORY = new Set(['_count', '_since', '_at', '_sort', '_offset', '_page']);

const NONE: ReadonlySet<string> = new Set();

/** Judges one request, the entry of a Bundle included, before it is executed: reads, searches and histories at once. */
export function judgeRequest(
  asking: Asking,
  request: InteractionRequest | OperationRequest,
  content: Content,
): Verdict | Promise<Verdict> {
  if (request.kind === 'operation') return judgeCall(asking, request, content);
  switch (request.interaction) {
    case 'read':
    case 'vread':
      return judgeReading(asking, request, NONE, (received) => judgeRead(asking, request, received));
    case 'history-instance':
      return judgeReading(asking, request, HISTORY, (received) => judgeList(asking, request, received, true));
    case 'history-type':
    case 'history-system':
      return judgeHistory(asking, request);
    case 'search-type':
    case 'search-system':
      return judgeSearch(asking, request);
    case 'create':
    case 'update':
    case 'patch':
    case 'delete':
      return judgeWrite(asking, request, content);
  }
}

function judgeReading(
  asking: Asking,
  request: InteractionRequest,
  allowed: ReadonlySet<string>,
  respond: Respond,
): Verdict | Promise<Verdict> {
  return once(decide(asking.handler, questionOf(asking, request)), (decision) => {
    if (decision.decision === 'deny') return { refused: refuse(asking, request, decision) };
    const parameters = narrowed(request.parameters, allowed);
    if (!parameters) return { refused: refusal(400, 'structure') };
    return { request: { ...request, parameters }, content: NOTHING, ...answering(asking, respond) };
  });
}

/** The history of everybody's resources: see {@link withoutPaging}. */
function judgeHistory(asking: Asking, request: InteractionRequest): Verdict | Promise<Verdict> {
  const pages = asking.settings.paging === 'any' || opensAll(asking, request.interaction, typeSearched(request));
  const asked = pages ? request : { ...request, parameters: withoutPaging(request.parameters) };
  return judgeReading(asking, asked, HISTORY, (received) => judgeList(asking, asked, received, pages));
}

/** What a search or history looks at; without a type, at everything. */
function typeSearched({ resourceType }: InteractionRequest): string {
  return resourceType ?? ANY_TYPE;
}

function judgeSearch(asking: Asking, request: InteractionRequest): Verdict | Promise<Verdict> {
  const query = request.parameters.filter(([name]) => !FORM.has(name));
  return once(authorizeSearch(asking.handler, { query, ...questionOf(asking, request) }), (search) =>
    searchPassed(asking, request, search),
  );
}

function searchPassed(asking: Asking, request: InteractionRequest, search: GatedSearch): Verdict {
  if (search.decision.decision === 'deny') return { refused: refuse(asking, request, search.decision) };
  const { baseUrl, narrowSearch, paging, hideForbidden } = asking.settings;
  const narrowing = narrowingOf(narrowSearch, request, search);
  const isOwn = !search.partial && (narrowing.length > 0 || asksForOwn(request, search, baseUrl));
  const pages = paging === 'any' || isOwn || opensAll(asking, request.interaction, typeSearched(request));
  if (hideForbidden && !pages && request.compartment) return { refused: notFound() };
  const parameters = pages ? search.parameters : withoutPaging(search.parameters);
  const form = request.parameters.filter(([name]) => FORM.has(name));
  const execute = { ...request, parameters: [...parameters, ...narrowing, ...withoutFormat(form)] };
  return {
    request: execute,
    content: NOTHING,
    ...answering(asking, (received) => judgeList(asking, execute, received, pages)),
  };
}

async function judgeCall(asking: Asking, request: OperationRequest, content: Content): Promise<Verdict> {
  if (content.kind === 'patch') return { refused: refusal(415, 'not-supported') };
  const { operation, resourceType, id } = request;
  const { lookup } = asking.settings;
  const resource = lookup && resourceType && id ? await stored(asking, resourceType, id) : undefined;
  const decision = await asking.handler.decide({
    operation,
    ...(resourceType !== undefined && { resourceType }),
    ...(id !== undefined && { id }),
    ...(resource !== undefined && { resource }),
    ...asking.about,
  });
  if (decision.decision === 'deny') return { refused: refuse(asking, request, decision) };
  const opensEverything = opensAll(asking, 'read', ANY_TYPE);
  // What is called on an instance that is the caller's gathers what is the caller's.
  const isOwn = id !== undefined && (resource !== undefined || isCaller(asking, resourceType, id));
  const isComplete = opensEverything || (isOwn && coversAllTypes(asking, 'read'));
  if (!opensEverything && !takesParameters(request, content, isComplete)) {
    return { refused: refusal(400, 'structure') };
  }
  const parameters = withoutFormat(request.parameters).filter(([name]) => !isPartialParameter(name));
  const isPaged = isComplete || asking.settings.paging === 'any';
  return {
    request: { ...request, parameters },
    content: { ...content, value: withoutPartialParameters(content.value) },
    ...answering(asking, (received) => judgeOperation(asking, request, received, { isComplete, isPaged })),
  };
}

/**
 * Parameters of `$everything` (FHIR R4 and R5, Patient, Encounter, Group and others), and those of its pages. Servers take
 * what else they know for a search: who is looked for, and what about them, would show in whether something is found.
 */
const OF_EVERYTHING = new Set([
  ...['start', 'end', '_since', '_lastUpdated', '_type', '_count', '_format', '_pretty'],
  ...['_offset', '_page', '_getpagesoffset'],
  // Taken away before it is executed.
  ...PARTIAL,
]);

/** Whether nothing is asked but what belongs to the operation; of one that is the host's own only the host knows. */
function takesParameters(
  { operation, parameters }: OperationRequest,
  { kind, value }: Content,
  mayOrder: boolean,
): boolean {
  if (operation !== '$everything') return true;
  const names = kind === 'none' ? [] : parameterNames(value);
  // Before pages are cut, an order tells of what is on others.
  const isKnown = (name: string): boolean => OF_EVERYTHING.has(name) || (mayOrder && name === '_sort');
  return [...parameters.map(([name]) => name), ...(names ?? [':'])].every((name) => isKnown(baseOf(name)));
}

async function judgeWrite(asking: Asking, request: InteractionRequest, content: Content): Promise<Verdict> {
  const flaw = flawOf(request, content);
  if (flaw) return { refused: flaw };
  const { condition, interaction } = request;
  const parameters = condition?.by === 'url' ? request.parameters : narrowed(request.parameters, NONE);
  if (!parameters) return { refused: refusal(400, 'structure') };
  const executed = interaction === 'create' ? { ...content, value: withoutId(content.value) } : content;
  const decision = await decideWrite(asking, request, executed);
  if (decision.decision === 'deny') return { refused: refuse(asking, request, decision) };
  if (condition && !(await mayFind(asking, request, condition.parameters))) {
    return { refused: refuse(asking, request, deny({ code: 'stored-unknown' })) };
  }
  return {
    request: { ...request, parameters: withoutFormat(parameters) },
    content: executed,
    respond: (received) => judgeWritten(asking, request, received),
  };
}

async function decideWrite(asking: Asking, request: InteractionRequest, content: Content): Promise<Decision> {
  const { handler, settings } = asking;
  const { resourceType, id, condition } = request;
  const looksUp = settings.lookup !== undefined && id !== undefined && resourceType !== undefined;
  const question: AccessRequest = Object.assign(questionOf(asking, request), {
    ...(condition && { conditional: true }),
    ...(content.kind === 'resource' && { resource: content.value }),
    ...(content.kind === 'patch' && { patch: content.value }),
    ...(looksUp && { storedResource: await stored(asking, resourceType, id) }),
  });
  const decision = await handler.decide(question);
  // A deletion of which nobody knows what is stored is covered only by who may delete any resource of the type.
  if (request.interaction !== 'delete' || decision.decision === 'deny' || decision.code !== 'scope-covers') {
    return decision;
  }
  return handler.decide(Object.assign(question, { storedResource: null }));
}

/**
 * Whether the search of a conditional write may run. Which resource it finds, and whether it finds one, only the server
 * knows: so it needs the right to find, and for an update, patch or delete to change, every resource of the type.
 */
async function mayFind(asking: Asking, request: InteractionRequest, condition: Pairs): Promise<boolean> {
  const { resourceType, interaction } = request;
  const query = condition.filter(([name]) => !FORM.has(name));
  const { decision, removed } = await asking.handler.authorizeSearch({
    operation: 'search-type',
    query,
    ...(resourceType !== undefined && { resourceType }),
    ...asking.about,
  });
  if (decision.decision === 'deny' || removed.length > 0) return false;
  if (!opensAll(asking, 'search-type', resourceType)) return false;
  return interaction === 'create' || opensAll(asking, interaction, resourceType);
}

/** What is wrong with the body of a write, whoever sends it. */
function flawOf({ interaction, resourceType, id }: InteractionRequest, { kind, value }: Content): Answer | undefined {
  const wanted = contentFor(interaction);
  if (kind !== wanted) {
    return kind === 'none' || wanted === 'none' ? refusal(400, 'structure') : refusal(415, 'not-supported');
  }
  if (hasConditionalReference(value)) return refusal(400, 'structure');
  if (wanted !== 'resource') return undefined;
  if (typeOf(value) !== resourceType) return refusal(400, 'structure');
  // FHIR R4, 3.1.0.7 update: the body has an id, and it is the one of the URL.
  return interaction === 'update' && id !== undefined && idOf(value) !== id ? refusal(400, 'structure') : undefined;
}

/** FHIR R4, 3.1.0.8 create: an id in the body is ignored. Here it goes no further, so that it is. */
function withoutId(resource: unknown): unknown {
  return carryNumbers(resource, omit(resource as object, 'id'));
}

/** The resource as it is stored; null if there is none. A lookup that fails fails the request. */
async function stored({ settings, about }: Asking, resourceType: string, id: string): Promise<unknown> {
  const { fhirServiceBaseUrl } = about;
  return (await settings.lookup?.(resourceType, id, undefined, { fhirServiceBaseUrl })) ?? null;
}

function questionOf(
  { about }: Asking,
  { interaction, resourceType, id, vid }: InteractionRequest,
): KnownRequest & KnownSearch {
  return {
    operation: interaction,
    ...(resourceType !== undefined && { resourceType }),
    ...(id !== undefined && { id }),
    ...(vid !== undefined && { vid }),
    ...about,
  };
}

/** The parameters to execute; undefined if there is one that does not belong here. */
function narrowed(parameters: Pairs, allowed: ReadonlySet<string>): Pairs | undefined {
  const known = parameters.every(([name]) => FORM.has(name) || PARTIAL.has(name) || allowed.has(name));
  return known ? withoutFormat(parameters).filter(([name]) => !PARTIAL.has(name)) : undefined;
}

/** Answers are judged as JSON, so JSON is what is asked for, by the Accept header. */
function withoutFormat(parameters: Pairs): Pairs {
  return parameters.filter(([name]) => name !== '_format');
}
