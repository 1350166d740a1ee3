import { typeOf } from '../access/judge.js';
import type { Admitted } from '../http/guard.js';
import { outcomeOf } from '../http/outcome.js';
import type { InteractionRequest } from '../http/request.js';
import type { RequestScope } from './scope.js';
import type { JsonObject } from '../json-object.js';

/** What a write is bound to. */
export interface Binding {
  /** The version by which it was judged. */
  readonly version: boolean;
  /** For a PUT where nothing was stored: that nothing is. */
  readonly absence: boolean;
}

/** The conditions under which a write is executed, or that they cannot be met: the client's own is none of what was judged. */
export type Bound = { readonly ifMatch?: string | undefined; readonly ifNoneMatch?: '*' } | 'precondition-failed';

type Judged = Pick<RequestScope, 'judgedBy' | 'absent'>;

/**
 * Binds one write to the state by which it was judged: between the two somebody may have changed the resource. The
 * client's own condition may hold of another version, which nobody judged; so it is weighed here, and the version that
 * was judged goes on alone.
 *
 * @param below `Type/id`
 */
export function bind(
  { judgedBy, absent }: Judged,
  binding: Binding,
  method: string,
  below: string,
  own: string | undefined,
): Bound {
  if (!binding.version) return { ifMatch: own };
  const judged = judgedBy.get(below);
  if (judged !== undefined)
    return own === undefined || names(own, judged) ? { ifMatch: judged } : 'precondition-failed';
  if (!absent.has(below)) return { ifMatch: own };
  // RFC 9110, 13.1.1: of what is not there no tag holds, and neither does the asterisk.
  if (own !== undefined) return 'precondition-failed';
  return method === 'PUT' && binding.absence ? { ifNoneMatch: '*' } : {};
}

/** Whether an If-Match names a version; FHIR R4, 3.1.0.5: version ids come as weak tags, so weakness makes no difference. */
function names(ifMatch: string, etag: string): boolean {
  if (ifMatch.trim() === '*') return true;
  const opaque = (tag: string): string => tag.replace(/^W\//, '');
  const tags = ifMatch.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return tags.some((tag) => opaque(tag) === opaque(etag));
}

/** The conditions of a request that is no Bundle. */
export function boundRequest(scope: Judged, binding: Binding, request: Admitted['request']): Bound {
  if (request.kind !== 'interaction' || !CHANGES.has(request.interaction)) return {};
  const { method, resourceType, id, ifMatch } = request;
  return bind(scope, binding, method, `${String(resourceType)}/${String(id)}`, ifMatch);
}

const CHANGES: ReadonlySet<InteractionRequest['interaction']> = new Set(['update', 'patch', 'delete']);

/** A batch or transaction as it is executed, and the places of the entries whose own condition failed. */
export interface BoundBundle {
  readonly bundle: unknown;
  readonly failed: readonly number[];
}

/**
 * Binds each entry of a batch or transaction to what it was judged by, and leaves out those that cannot be bound.
 *
 * @param body One whose entries the guard has read.
 */
export function boundBundle(scope: Judged, binding: Binding, body: unknown): BoundBundle {
  if (scope.judgedBy.size === 0 && scope.absent.size === 0) return { bundle: body, failed: [] };
  const bundle = body as { readonly entry: readonly { readonly request: JsonObject }[] };
  const failed: number[] = [];
  const entry = bundle.entry.flatMap((each, index) => {
    const { method, url, ifMatch: own, ...others } = each.request;
    if (method === 'GET' || typeof method !== 'string' || typeof url !== 'string') return [each];
    // Parameters about the form of the answer change nothing about what is written.
    const [below = ''] = url.split('?', 1);
    const bound = bind(scope, binding, method, below, typeof own === 'string' ? own : undefined);
    if (bound === 'precondition-failed') {
      failed.push(index);
      return [];
    }
    const { ifMatch, ifNoneMatch } = bound;
    const conditions = { ...(ifMatch !== undefined && { ifMatch }), ...(ifNoneMatch && { ifNoneMatch }) };
    return [{ ...each, request: { method, url, ...others, ...conditions } }];
  });
  return { bundle: { ...bundle, entry }, failed };
}

/** The results of a batch with those of the entries that were left out, in their places. */
export function withFailed(resource: unknown, failed: readonly number[]): unknown {
  if (typeOf(resource) !== 'Bundle') return resource;
  const { entry: given = [], ...others } = resource as JsonObject;
  if (!Array.isArray(given)) return resource;
  const entry = [...(given as readonly unknown[])];
  for (const index of failed) {
    entry.splice(index, 0, { response: { status: '412', outcome: outcomeOf('conflict') } });
  }
  return { ...others, entry };
}
