// Who asks: tokens, and what they open, said a second time so that the library can be held to it.
import { readFileSync } from 'node:fs';
import type { Issuer } from '../http/clinic.js';
import { allReferences } from '../real-inputs/reference-oracle.js';
import type { Stored } from './world.js';

interface Opened {
  /** A resource type, or `*`. */
  readonly type: string;
  /** `everybody`, or whose resources. */
  readonly who: string;
  readonly status?: string;
}

export interface Identity {
  readonly about: string;
  readonly scope?: unknown;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly token?: 'none' | 'garbage' | 'unsigned' | 'kid-object';
  readonly grants?: readonly Opened[];
}

export const IDENTITIES = JSON.parse(readFileSync(new URL('identities.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, Identity>
>;

/** The token of an identity, or undefined for none at all. */
export async function tokenOf(issuer: Issuer, { scope, claims, token }: Identity): Promise<string | undefined> {
  if (token === 'none') return undefined;
  if (token === 'garbage') return 'a.b.c';
  const signed = await issuer.token(scope as string, { ...claims });
  if (token === undefined) return signed;
  const header = token === 'unsigned' ? { alg: 'none', typ: 'at+jwt' } : { alg: 'ES256', kid: { toString: 'x' } };
  const [, payload = '', signature = ''] = signed.split('.');
  const encoded = Buffer.from(JSON.stringify(header)).toString('base64url');
  return `${encoded}.${payload}.${token === 'unsigned' ? '' : signature}`;
}

/** Whether an identity may see a resource: what its grants say, worked out without the library's judge. */
export function maySee({ grants = [] }: Identity, resource: Stored): boolean {
  return grants.some(({ type, who, status }) => {
    if (type !== '*' && type !== resource.resourceType) return false;
    if (status !== undefined && resource['status'] !== status) return false;
    if (who === 'everybody' || who === `${resource.resourceType}/${resource.id}`) return true;
    return allReferences(resource).some(
      ({ reference, isOfficial }) => isOfficial && reference.replace(/\/_history\/.*$/, '') === who,
    );
  });
}
