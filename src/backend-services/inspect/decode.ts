import { MAX_DEPTH, isBase64url } from '../../token/parse-object.js';

/** A JSON object of unknown content. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** What a text turned out to be. */
export type DecodedToken =
  | {
      readonly form: 'jwt';
      readonly compact: string;
      readonly header: JsonObject;
      readonly payload: JsonObject;
      readonly signature: string;
      /** Header and payload as the JSON that they are written in. */
      readonly json: { readonly header: string; readonly payload: string };
    }
  | { readonly form: 'encrypted' | 'opaque' | 'malformed' };

/**
 * Decodes a token without believing it. Takes the token alone, or what people have at hand around it: quotes, a `Bearer `
 * in front, or the JSON of a token response or token request.
 */
export function decodeToken(text: string): DecodedToken {
  const compact = bare(text);
  const parts = compact.split('.');
  if (parts.length === 5 && jsonPart(parts[0], MAX_HEADER_DEPTH) !== undefined) return { form: 'encrypted' };
  if (parts.length !== 3) return { form: /^[\x21-\x7e]+$/.test(compact) && parts.length < 3 ? 'opaque' : 'malformed' };
  const header = jsonPart(parts[0], MAX_HEADER_DEPTH);
  const payload = jsonPart(parts[1], MAX_DEPTH);
  const signature = parts[2] ?? '';
  if (header === undefined || payload === undefined || (signature !== '' && !isBase64url(signature)))
    return { form: 'malformed' };
  return {
    form: 'jwt',
    compact,
    header: header.value,
    payload: payload.value,
    signature,
    json: { header: header.text, payload: payload.text },
  };
}

function bare(text: string): string {
  let token = text.replace(/^\uFEFF/, '').trim();
  if (token.startsWith('{')) token = fromJson(token) ?? token;
  token = token.replace(/^(["'`])([\s\S]*)\1$/, '$2').trim();
  return token.replace(/^Bearer +/i, '');
}

function fromJson(text: string): string | undefined {
  try {
    const { access_token, client_assertion, id_token } = JSON.parse(text) as Record<string, unknown>;
    const token = access_token ?? client_assertion ?? id_token;
    return typeof token === 'string' ? token : undefined;
  } catch {
    return undefined;
  }
}

/** Levels of arrays and objects in a header. A payload has the bound of the verifier, which copies the claims. */
const MAX_HEADER_DEPTH = 100;

/** RFC 7515 §2: base64url without padding, line breaks or anything else; then UTF-8 of a JSON object. */
function jsonPart(
  part: string | undefined,
  maxDepth: number,
): { readonly text: string; readonly value: JsonObject } | undefined {
  if (part === undefined || !isBase64url(part)) return undefined;
  try {
    // A byte order mark stays, and is no JSON (RFC 8259 §8.1).
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const text = decoder.decode(Buffer.from(part, 'base64url'));
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && !Array.isArray(json) && isShallow(json, maxDepth)
      ? { text, value: json as JsonObject }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Level by level, without recursion: whoever prints the token later recurses, and must come to an end. */
function isShallow(json: object, maxDepth: number): boolean {
  let level: object[] = [json];
  for (let depth = 0; depth < maxDepth; depth += 1) {
    level = level
      .flatMap((value): unknown[] => Object.values(value))
      .filter((value) => typeof value === 'object' && value !== null);
    if (level.length === 0) return true;
  }
  return false;
}
