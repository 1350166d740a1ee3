import jsonMergePatch from 'json-merge-patch';
import isEqual from 'lodash/isEqual.js';
import type { Operation } from 'rfc6902';
import { applyPatch } from 'rfc6902';

/** Names with which a patch would reach the prototype of the result, so that something else is judged than is stored. */
const UNSAFE = /(?:^|\/)(?:__proto__|constructor|prototype)(?:\/|$)/;

const OPERATIONS: ReadonlySet<unknown> = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);

/** More operations than a client would send in one request. */
const MAX_OPERATIONS = 1000;

/** What a patch may copy in all, in characters of JSON: each copy of an element into itself doubles it. */
const MAX_COPIED = 8 * 1024 * 1024;

/** A longer list is none of a resource's, and each element that comes or goes moves all behind it. */
const MAX_LIST = 100_000;

/**
 * The resource that a patch would leave, or undefined if the patch cannot be applied. The stored resource is not
 * changed.
 *
 * @param patch An array is a JSON Patch (RFC 6902), an object a JSON Merge Patch (RFC 7396).
 */
export function applyResourcePatch(stored: unknown, patch: unknown): unknown {
  try {
    const target: unknown = structuredClone(stored);
    if (Array.isArray(patch)) return applyJsonPatch(target, patch);
    if (typeof patch !== 'object' || patch === null || hasUnsafeName(patch, 0)) return undefined;
    return jsonMergePatch.apply(target, structuredClone(patch));
  } catch {
    return undefined;
  }
}

function applyJsonPatch(target: unknown, patch: readonly unknown[]): unknown {
  if (patch.length > MAX_OPERATIONS || !patch.every(isOperation)) return undefined;
  const copied = { size: 0 };
  // A patch may replace the whole document; the wrapper gives the library something to replace it in.
  const document = { root: target };
  return patch.every((operation) => applyOperation(document, operation, copied)) ? document.root : undefined;
}

/** Applies one operation, or tells that it cannot be applied. */
function applyOperation(
  document: object,
  { op, path, from, value }: PatchOperation,
  copied: { size: number },
): boolean {
  const [to, source] = [`/root${path}`, `/root${String(from)}`];
  switch (op) {
    case 'add':
      return vacancyAt(document, to) !== undefined && apply(document, { op, path: to, value });
    case 'replace':
      return memberAt(document, to) !== undefined && apply(document, { op, path: to, value });
    case 'test':
      // The library looks for the differences, which takes more than quadratic time.
      return isEqual(memberAt(document, to), { value });
    case 'remove':
      return remove(document, to);
    case 'copy': {
      const original = memberAt(document, source);
      copied.size += sizeOf(original?.value, MAX_COPIED);
      if (original === undefined || copied.size > MAX_COPIED) return false;
      return put(document, to, structuredClone(original.value));
    }
    case 'move': {
      const moved = memberAt(document, source);
      // RFC 6902, 4.4: not into what is moved.
      if (moved === undefined || to.startsWith(`${source}/`)) return false;
      // Removed first, and only then is the target looked for: by then the elements behind have moved up.
      return to === source || (remove(document, source) && put(document, to, moved.value));
    }
  }
}

function apply(document: object, operation: Operation): boolean {
  return applyPatch(document, [operation]).every((error) => error === null);
}

function remove(document: object, pointer: string): boolean {
  if (memberAt(document, pointer) === undefined || isTooLong(placeOf(document, pointer))) return false;
  return apply(document, { op: 'remove', path: pointer });
}

/** Adds a value as it is. The library would copy it, and what is moved or copied need not be once more. */
function put(document: object, pointer: string, value: unknown): boolean {
  const place = vacancyAt(document, pointer);
  if (place === undefined) return false;
  const { holder, name } = place;
  if (Array.isArray(holder)) holder.splice(name === '-' ? holder.length : Number(name), 0, value);
  else Object.assign(holder, { [name]: value });
  return true;
}

/** About as many characters as there are in the JSON of a value, as far as a limit. */
function sizeOf(value: unknown, limit: number): number {
  if (typeof value === 'string') return value.length + 1;
  if (typeof value !== 'object' || value === null) return 1;
  let size = 1;
  for (const [name, member] of Object.entries(value)) {
    size += name.length + sizeOf(member, limit - size);
    if (size > limit) break;
  }
  return size;
}

/** What a pointer names; undefined where there is nothing. */
function memberAt(document: object, pointer: string): { readonly value: unknown } | undefined {
  const place = placeOf(document, pointer);
  if (place === undefined || !Object.hasOwn(place.holder, place.name)) return undefined;
  return { value: (place.holder as Readonly<Record<string, unknown>>)[place.name] };
}

/** Where something can be added by a pointer (RFC 6902, 4.1): to an object, or to a list up to its end. */
function vacancyAt(document: object, pointer: string): Place | undefined {
  const place = placeOf(document, pointer);
  if (place === undefined || isTooLong(place)) return undefined;
  const { holder, name } = place;
  return !Array.isArray(holder) || name === '-' || Number(name) <= holder.length ? place : undefined;
}

function isTooLong(place: Place | undefined): boolean {
  return Array.isArray(place?.holder) && place.holder.length >= MAX_LIST;
}

/** A member of an object or of a list. */
interface Place {
  readonly holder: object;
  readonly name: string;
}

/**
 * Where a pointer leads: a member of an object or of a list, which need not be there. Undefined where there is nothing to
 * hold it, and for what is no index of a list.
 *
 * RFC 6901, 4: an index has no leading zeros, a hyphen is the element after the last. Of `00` or `1e0` one server makes an
 * index and another a name.
 */
function placeOf(document: object, pointer: string): Place | undefined {
  const path = pointer.slice(1).split('/').map(unescaped);
  let holder: unknown = document;
  for (const [index, name] of path.entries()) {
    if (typeof holder !== 'object' || holder === null) return undefined;
    const isLast = index === path.length - 1;
    if (Array.isArray(holder) && !INDEX.test(name) && !(isLast && name === '-')) return undefined;
    if (isLast) return { holder, name };
    holder = Object.hasOwn(holder, name) ? (holder as Readonly<Record<string, unknown>>)[name] : undefined;
  }
  return undefined;
}

const INDEX = /^(?:0|[1-9]\d{0,8})$/;

function unescaped(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
}

interface PatchOperation {
  readonly op: Operation['op'];
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

function isOperation(operation: unknown): operation is PatchOperation {
  // What is no object has none of these.
  const { op, path, from, value } = (operation ?? {}) as Readonly<Record<string, unknown>>;
  if (!OPERATIONS.has(op) || !isPointer(path)) return false;
  if ((op === 'move' || op === 'copy') && !isPointer(from)) return false;
  // RFC 6902, 4: these have a value, if only null. Servers differ in what they make of none.
  if ((op === 'add' || op === 'replace' || op === 'test') && value === undefined) return false;
  return !hasUnsafeName(value, 0);
}

/**
 * RFC 6901, 3: empty, or beginning with a slash, and a tilde only where it escapes. What a server makes of another text,
 * nobody can tell.
 */
function isPointer(path: unknown): boolean {
  return (
    typeof path === 'string' && (path === '' || path.startsWith('/')) && !/~(?![01])/.test(path) && !UNSAFE.test(path)
  );
}

function hasUnsafeName(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth > 100) return true;
  return Object.entries(value).some(([name, held]) => UNSAFE.test(name) || hasUnsafeName(held, depth + 1));
}
