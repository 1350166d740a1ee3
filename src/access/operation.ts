import type { Caller } from './caller.js';
import type { Decision } from './decision.js';
import { deny } from './decision.js';
import { Judge, seen } from './judge.js';
import type { AccessPolicy } from './policy.js';

/** An operation that is called: on the system, on a type, or on an instance. */
export interface OperationCall {
  /** With its dollar sign. */
  readonly name: string;
  readonly resourceType: string | undefined;
  readonly id: string | undefined;
  /** The instance it is called on, where it is known. */
  readonly resource: unknown;
}

/**
 * Judges an operation by the interactions that the policy says it needs. SMART gives operations no letter; what is not
 * configured is refused.
 */
export function decideOperation(caller: Caller, call: OperationCall, policy: AccessPolicy): Decision {
  const rule = policy.operations.get(call.name);
  const [first, ...rest] = rule?.requires ?? [];
  if (!rule || !first) return deny({ code: 'operation-unknown', name: call.name });
  const judge = new Judge(caller, [first, ...rest], policy);
  const { resourceType, resource } = call;
  const isKnown = resourceType !== undefined && resource !== undefined && judgesInstance(call.name, policy);
  return isKnown ? judge.decide(resourceType, [seen(resource)]) : judge.decideType(resourceType);
}

/** Whether the instance that an operation is called on has to be looked at. */
export function judgesInstance(name: string, policy: AccessPolicy): boolean {
  return policy.operations.get(name)?.judgesInstance ?? true;
}
