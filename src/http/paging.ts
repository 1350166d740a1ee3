import type { GatedSearch } from '../requests.js';
import { baseOf } from './query.js';
import type { InteractionRequest, Pairs } from './request.js';

/**
 * When results come in pages. A page is filtered after the server has made it, so that the next one, its place and the
 * order tell of resources that are not shown: with `_count=1` the link to a next page answers whether a condition holds
 * for somebody else's.
 */
export type Paging = 'own' | 'any';

/** Parameters that ask for a part of what is found, or for its order (FHIR R4, 3.1.1.4.5 and 3.1.1.5.1). */
const PAGING = new Set(['_count', '_sort', '_offset', '_page', '_getpagesoffset', '_skip', '_cursor']);

/** The parameters of a search or history whose pages would tell of resources that are not shown. */
export function withoutPaging(parameters: Pairs): Pairs {
  return parameters.filter(([name]) => !PAGING.has(baseOf(name)));
}

/**
 * Whether a search asks by itself for nothing but the caller's own resources: in their compartment, or by a parameter
 * that names them and nobody else.
 */
export function asksForOwn(
  { parameters, compartment, resourceType }: InteractionRequest,
  { narrowings }: GatedSearch,
  baseUrl: string,
): boolean {
  return narrowings.some(({ parameter, value }) => {
    const own = new Set(value.split(','));
    if (compartment) {
      const { type, id } = compartment;
      if (own.has(`${type}/${id}`) || (parameter === '_id' && type === resourceType && own.has(id))) return true;
    }
    const asked = parameters.filter(([name]) => /^[^:.]*/.exec(name)?.[0] === parameter);
    const [[name, text] = ['', ''], ...others] = asked;
    return name === parameter && others.length === 0 && text.split(',').every((each) => isOwn(each, own, baseUrl));
  });
}

/** A reference parameter takes an id, a relative or an absolute URL (FHIR R4, 3.1.1.4.12 reference). */
function isOwn(text: string, own: ReadonlySet<string>, baseUrl: string): boolean {
  if (own.has(text)) return true;
  if (text.startsWith(`${baseUrl}/`)) return own.has(text.slice(baseUrl.length + 1));
  return !text.includes('/') && [...own].some((each) => each.endsWith(`/${text}`));
}
