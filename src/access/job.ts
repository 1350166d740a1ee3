import type { Decision } from './decision.js';
import { allow, deny } from './decision.js';

/**
 * Judges whether a bulk data job is the caller's. Both the subject and the owner must be there: two unknowns are not the
 * same person.
 *
 * @param qualified Whether the server has several issuers: a subject is then only somebody within its issuer.
 */
export function decideJob(
  caller: { readonly subject: string | undefined; readonly issuer: string | undefined },
  jobOwnerId: unknown,
  qualified: boolean,
): Decision {
  const owner = ownerOf(caller, qualified);
  if (owner === undefined) return deny({ code: 'identity-malformed', name: qualified ? 'iss' : 'sub' });
  return owner === jobOwnerId ? allow('job-owner') : deny({ code: 'job-owner-mismatch' });
}

/** The owner by which a job of the caller's is known; undefined for a caller that nobody could tell from another. */
export function ownerOf(
  caller: { readonly subject: string | undefined; readonly issuer: string | undefined },
  qualified: boolean,
): string | undefined {
  return qualified ? qualifiedOwner(caller) : caller.subject;
}

/** The owner of a job on a server with several issuers: the issuer and the subject, which no other issuer can forge. */
export function qualifiedOwner({
  subject,
  issuer,
}: {
  readonly subject: string | undefined;
  readonly issuer: string | undefined;
}): string | undefined {
  return subject === undefined || issuer === undefined ? undefined : JSON.stringify([issuer, subject]);
}
