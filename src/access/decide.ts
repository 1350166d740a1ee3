import type { Interaction } from '../scope/rule.js';
import type { Caller } from './caller.js';
import type { Decision } from './decision.js';
import { deny } from './decision.js';
import type { ResourceState } from './judge.js';
import { Judge, idOf, seen, typeOf } from './judge.js';
import { applyResourcePatch } from './patch.js';
import type { AccessPolicy } from './policy.js';
import type { DenyReason } from './reason.js';

/**
 * What is asked, as far as it is known. `undefined` means unknown; the decision is then about what is known. A question
 * without any resource is about the grants alone (`scope-covers`), and the resource has to be judged once it is there.
 */
export interface Question {
  readonly interaction: Interaction;
  /** The type in the URL; absent for the whole system. */
  readonly resourceType?: string | undefined;
  /** The id by which the server knows the resource: the one in the URL. */
  readonly id?: string | undefined;
  /** What is read, found or deleted; or the body of a create or update. */
  readonly resource?: unknown;
  /** The resource as it is stored before an update, patch or delete; null if there is none. */
  readonly stored?: unknown;
  /** A JSON Patch (array) or JSON Merge Patch (object), to be applied to `stored`. */
  readonly patch?: unknown;
  /** A conditional create, update, patch or delete: it searches as well. */
  readonly conditional?: boolean | undefined;
}

/**
 * Decides about one interaction. Pure: everything that has to be fetched was fetched before.
 *
 * Step by step, so that a refusal tells nothing about what its caller may not see: whether a grant is for the type at all,
 * then what is stored, then what the request would leave.
 */
export function decide(caller: Caller, question: Question, policy: AccessPolicy): Decision {
  const { interaction, stored, resource } = question;
  const judge = Judge.for(caller, question.conditional ? [interaction, 'search-type'] : [interaction], policy);
  const resourceType = question.resourceType ?? typeOf(stored ?? resource);
  const known = knownStates(question, policy);
  if (resourceType === undefined) {
    const isUnknown = known.length === 0 && question.patch === undefined;
    return isUnknown ? judge.decideType(undefined) : deny({ code: 'resource-malformed' });
  }
  const before = judge.decide(resourceType, known);
  const isPatch = question.patch !== undefined && (interaction === 'update' || interaction === 'patch');
  if (before.decision === 'deny' || !isPatch) return before;
  const result = patchedState(question);
  return 'code' in result ? deny(result) : judge.decide(resourceType, [...known, result]);
}

/** The states that have to be covered, but for what a patch leaves; none if nothing is known. */
function knownStates(question: Question, policy: AccessPolicy): readonly ResourceState[] {
  const { interaction, stored, patch, id } = question;
  switch (interaction) {
    case 'create':
      return 'resource' in question ? [{ value: question.resource, id: undefined, state: 'result' }] : [];
    case 'update':
    case 'patch': {
      const before = storedStates(question, policy);
      if (patch !== undefined || !('resource' in question)) return before;
      // A resource that does not exist yet has no id of the server's: PUT then creates.
      return [...before, { value: question.resource, id: stored === null ? undefined : id, state: 'result' }];
    }
    case 'delete':
      // Nothing is stored: only who may delete any resource of the type learns that.
      if (stored === null) return [{ unseenId: undefined, state: 'stored' }];
      return [stored, question.resource].flatMap((each) => (each === undefined ? [] : [seen(each, 'stored')]));
    case 'read':
    case 'vread':
    case 'search-type':
    case 'search-system':
    case 'history-type':
    case 'history-instance':
    case 'history-system':
      return 'resource' in question ? [seen(question.resource)] : [];
    // Each of their entries is a question of its own.
    case 'batch':
    case 'transaction':
      return [];
  }
}

/** What a patch leaves of the stored resource; a reason where that is nothing that could be judged. */
function patchedState({ stored, patch }: Question): ResourceState | DenyReason {
  // Without the stored resource nobody can say what the patch leaves: only who may write all of the type may.
  if (stored === undefined || stored === null) return { unseenId: undefined, state: 'result' };
  const value = applyResourcePatch(stored, patch);
  if (value === undefined) return { code: 'patch-unusable' };
  // FHIR R4, 3.1.0.7: an update never changes the id. A patch that does would make one resource pass for another.
  if (idOf(value) !== idOf(stored)) return { code: 'id-mismatch', state: 'result' };
  return { value, id: idOf(stored), state: 'result' };
}

function storedStates({ stored, resource }: Question, policy: AccessPolicy): readonly ResourceState[] {
  if (stored === null) return [];
  if (stored !== undefined) return [seen(stored, 'stored')];
  return policy.refuseWritesWithoutStored && resource !== undefined ? [{ unseenId: undefined, state: 'stored' }] : [];
}

/**
 * Whether what is read or written bears another id than the URL. FHIR R4, 3.1.0.7 update: the ids have to be the same; a
 * server ignores the id in the body of a create (3.1.0.8).
 */
export function bearsOtherId({ interaction, id, resource, stored }: Question): boolean {
  if (id === undefined || interaction === 'create') return false;
  return [resource, stored].some((each) => {
    const own = idOf(each);
    return own !== undefined && own !== id;
  });
}
