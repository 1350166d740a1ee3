import type { SMARTHandler } from '../handler.js';
import { final } from '../http/final-answer.js';
import type { Admitted, FinalAnswer, Guard } from '../http/guard.js';
import { refusal } from '../http/outcome.js';
import { notFound } from '../http/refuse.js';
import type { FhirRequest } from '../http/request.js';
import type { Interaction } from '../scope/rule.js';
import type { RequestScope } from './scope.js';

/** What the methods of a Bundle's entries do to an instance. */
const INTERACTIONS: Readonly<Record<string, Interaction>> = { PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/**
 * Whether a request may touch the deleted resources that it names. Whose a deleted one was (410) nobody can tell, and
 * bringing it back continues its history: so it is for those alone whose grants open the whole type.
 */
export async function opensGone(
  { handler, guard }: { readonly handler: SMARTHandler; readonly guard: Guard },
  { gone }: RequestScope,
  { request, identity, execute }: Admitted,
): Promise<boolean> {
  const about = { userIdentity: identity, fhirServiceBaseUrl: guard.settings.baseUrl };
  for (const [below, method] of touched(request, execute.body)) {
    const [resourceType = ''] = below.split('/', 1);
    const operation = INTERACTIONS[method] ?? 'read';
    if (gone.has(below) && !(await handler.opensWholeType({ operation, resourceType, ...about }))) return false;
  }
  return true;
}

/** What is touched, by `Type/id`, and how. */
function touched(request: FhirRequest, body: Admitted['execute']['body']): readonly (readonly [string, string])[] {
  if (request.kind !== 'bundle') {
    return [[`${String(request.resourceType)}/${String(request.id)}`, request.method]];
  }
  // The guard has printed it.
  const { entry } = (body as { readonly json: unknown }).json as {
    readonly entry: readonly { readonly request: { readonly method: string; readonly url: string } }[];
  };
  return entry.map(({ request: { method, url } }) => [url.split('?', 1)[0] ?? '', method]);
}

/** The refusal, as the guard puts it for what a token does not open. */
export function goneAnswer({ hideForbidden, realm }: Guard['settings'], { id }: FhirRequest): FinalAnswer {
  if (hideForbidden && id !== undefined) return final(notFound());
  return final(refusal(403, 'forbidden', { challenge: { realm, error: 'insufficient_scope' } }));
}
