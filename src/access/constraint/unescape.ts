/** What a backslash may stand before (FHIR R4, 3.1.1.4.4.1 Escaping Search Parameters). */
const ESCAPABLE = ',|$\\';

/**
 * Splits at the separators that are not escaped, and takes the escapes away. Undefined where a backslash stands before
 * nothing that it can escape, and where a comma is left: alternatives were split before, so it has no meaning here.
 */
export function splitUnescaped(text: string, separator: '|' | undefined): readonly string[] | undefined {
  const parts: string[] = [];
  let part = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '\\') {
      const escaped = text.charAt(at + 1);
      if (escaped === '' || !ESCAPABLE.includes(escaped)) return undefined;
      part += escaped;
      at += 1;
    } else if (character === separator) {
      parts.push(part);
      part = '';
    } else if (character === ',') {
      return undefined;
    } else {
      part += character;
    }
  }
  return [...parts, part];
}

/** A value without parts. Undefined for a malformed or an empty one. */
export function unescape(text: string): string | undefined {
  const [value = ''] = splitUnescaped(text, undefined) ?? [];
  return value === '' ? undefined : value;
}
