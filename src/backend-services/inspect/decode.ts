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
    }
  | { readonly form: 'encrypted' | 'opaque' | 'malformed' };

/**
 * Decodes a token without believing it. Takes the token alone, or what people have at hand around it: quotes, a `Bearer `
 * in front, or the JSON of a token response or token request.
 */
export function decodeToken(text: string): DecodedToken {
  const compact = bare(text);
  const parts = compact.split('.');
  if (parts.length === 5 && jsonPart(parts[0]) !== undefined) return { form: 'encrypted' };
  if (parts.length !== 3) return { form: /^[\x21-\x7e]+$/.test(compact) && parts.length < 3 ? 'opaque' : 'malformed' };
  const header = jsonPart(parts[0]);
  const payload = jsonPart(parts[1]);
  const signature = parts[2] ?? '';
  if (header === undefined || payload === undefined || !/^[A-Za-z0-9_-]*$/.test(signature))
    return { form: 'malformed' };
  return { form: 'jwt', compact, header, payload, signature };
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

/** Levels of arrays and objects in a header or payload. Claims have a few; what has thousands is no claim. */
const MAX_DEPTH = 100;

/** RFC 7515 §2: base64url without padding, line breaks or anything else; then UTF-8 of a JSON object. */
function jsonPart(part: string | undefined): JsonObject | undefined {
  if (part === undefined || !/^[A-Za-z0-9_-]+$/.test(part)) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(part, 'base64url'));
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && !Array.isArray(json) && isShallow(json)
      ? (json as JsonObject)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Level by level, without recursion: whoever prints the token later recurses, and must come to an end. */
function isShallow(json: object): boolean {
  let level: unknown[] = [json];
  for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
    level = level.flatMap((value): unknown[] =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
    if (level.length === 0) return true;
  }
  return false;
}
