import type { IncomingMessage } from 'node:http';
import type { SMARTHandler } from '../handler.js';
import type { FinalAnswer, Guard } from '../http/guard.js';
import type { FhirRequest, HeaderBag } from '../http/request.js';
import { failureAnswer } from './answer.js';
import { isBinaryRead, serveBinary, wantsContent } from './binary.js';
import type { GatewayEvent } from '../observe/request-event.js';
import type { Forwarding, StreamedAnswer } from './forward.js';
import { forward } from './forward.js';
import { goneAnswer, opensGone } from './gone.js';
import { incomingBody } from './incoming-body.js';
import { namesPage } from './page-links.js';
import type { PublicDocuments } from './public-documents.js';
import type { RequestScope } from './scope.js';
import { storedLookup } from './stored.js';

/** What one request came to. */
export interface Served extends Pick<GatewayEvent, 'operation' | 'resourceType' | 'answeredBy'> {
  readonly answer: FinalAnswer | StreamedAnswer;
}

export interface Serving extends Forwarding {
  readonly handler: SMARTHandler;
  readonly guard: Guard;
  readonly documents: PublicDocuments;
  /** Milliseconds for all lookups of one request. */
  readonly lookupTimeoutMs: number;
}

/** Serves one FHIR request, from the guard to upstream and back. @throws UpstreamError */
export async function serve(serving: Serving, scope: RequestScope, incoming: IncomingMessage): Promise<Served> {
  const { guard, upstream, bases, documents, lookupTimeoutMs, pages } = serving;
  const { method = '', url = '', headers } = incoming;
  const wanted = isBinaryUrl(method, url) && wantsContent(headers.accept) ? headers.accept : undefined;
  // The elements of a Binary are read as FHIR in any case; what it holds comes when they have been judged.
  const judged: HeaderBag = wanted === undefined ? headers : { ...headers, accept: 'application/fhir+json' };
  const body = (): ReturnType<typeof incomingBody> => incomingBody(incoming, guard.settings.maxBodyBytes, bases);
  const lookup = storedLookup(upstream, bases, scope, lookupTimeoutMs);
  const page = pages.asked(method, url);
  // A page is judged as the search whose it is.
  const asked = page === undefined ? url : page === 'unreadable' ? (url.split('?', 1)[0] ?? '') : page.url;
  const admission = await guard.admit({ method, url: asked, headers: judged, body, lookup });
  if (admission.verdict === 'refused') {
    const { failure } = scope;
    const unknown = { operation: undefined, resourceType: undefined };
    // Without what is stored nothing was judged; the guard cannot know why.
    if (failure) return { answer: failureAnswer(failure.status), answeredBy: 'gateway', ...unknown };
    return { answer: admission.answer, answeredBy: 'guard', ...unknown };
  }
  const about = aboutRequest(admission.request);
  if (admission.verdict === 'public') {
    return { answer: await documents.answer(admission.request), answeredBy: 'gateway', ...about };
  }
  const { request, identity } = admission;
  const isPage =
    page === undefined ? !namesPage(request) : page !== 'unreadable' && pages.isOf(page, request, identity);
  if (page === 'unreadable' || !isPage) {
    return { answer: failureAnswer(410), answeredBy: 'gateway', ...about };
  }
  const { baseUrl } = guard.settings;
  if (scope.gone.size > 0 && !(await opensGone(serving, scope, admission))) {
    return { answer: goneAnswer(guard.settings, request), answeredBy: 'gateway', ...about };
  }
  const answer = isBinaryRead(request)
    ? await serveBinary({ baseUrl, ...serving }, scope, { ...admission, request }, wanted)
    : await forward(serving, scope, admission, headers, page);
  return { answer, answeredBy: 'upstream', ...about };
}

function isBinaryUrl(method: string, url: string): boolean {
  return (method === 'GET' || method === 'HEAD') && /\/Binary\/[^/?]+(?:\/_history\/[^/?]+)?(?:\?|$)/.test(url);
}

function aboutRequest(request: FhirRequest): Pick<GatewayEvent, 'operation' | 'resourceType'> {
  const { kind, resourceType } = request;
  if (kind === 'interaction') return { operation: request.interaction, resourceType };
  return { operation: kind === 'operation' ? request.operation : kind, resourceType };
}
