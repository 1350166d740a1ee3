import jsonMergePatch from 'json-merge-patch';
import { applyPatch } from 'rfc6902';
import type { Operation } from 'rfc6902';

/** Names with which a patch would reach the prototype of the result, so that something else is judged than is stored. */
const UNSAFE = /(?:^|\/)(?:__proto__|constructor|prototype)(?:\/|$)/;

const OPERATIONS: ReadonlySet<unknown> = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);

/** More operations than a client would send in one request. */
const MAX_OPERATIONS = 1000;

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
  // A patch may replace the whole document; the wrapper gives the library something to replace it in.
  const document = { root: target };
  const rooted = patch.map((operation) => ({
    ...operation,
    path: `/root${operation.path}`,
    ...('from' in operation && { from: `/root${operation.from}` }),
  }));
  for (const operation of rooted) {
    const pointers = Object.hasOwn(operation, 'from') ? [operation.path, operation.from] : [operation.path];
    if (!pointers.every((pointer) => hasPlainIndices(document, pointer))) return undefined;
    if (applyPatch(document, [operation as Operation]).some((error) => error !== null)) return undefined;
  }
  return document.root;
}

function isOperation(value: unknown): value is { path: string; from: string } {
  // What is no object has none of these.
  const { op, path, from, value: added } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (!OPERATIONS.has(op) || !isPointer(path)) return false;
  if ((op === 'move' || op === 'copy') && !isPointer(from)) return false;
  return !hasUnsafeName(added, 0);
}

/** RFC 6901, 3: empty, or beginning with a slash. What a server makes of another text, nobody can tell. */
function isPointer(path: unknown): boolean {
  return typeof path === 'string' && (path === '' || path.startsWith('/')) && !UNSAFE.test(path);
}

/**
 * RFC 6901, 4: below an array a pointer has an index without leading zeros, or a hyphen for the element after the last.
 * Of `00` or `1e0` one server makes an index and another a name.
 */
function hasPlainIndices(document: unknown, pointer: string): boolean {
  let held = document;
  for (const name of pointer.slice(1).split('/')) {
    if (Array.isArray(held) && !/^(?:0|[1-9]\d*|-)$/.test(name)) return false;
    const key = name.replaceAll('~1', '/').replaceAll('~0', '~');
    held = typeof held === 'object' && held !== null ? (held as Readonly<Record<string, unknown>>)[key] : undefined;
  }
  return true;
}

function hasUnsafeName(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth > 100) return true;
  return Object.entries(value).some(([name, held]) => UNSAFE.test(name) || hasUnsafeName(held, depth + 1));
}
