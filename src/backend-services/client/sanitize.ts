/**
 * Makes a text from a server fit for logs and error messages: no JWT (a server may quote the assertion back), nothing
 * of `secrets`, only the characters that RFC 6749 §5.2 permits, and not long.
 */
export function sanitize(text: unknown, maxLength: number, secrets: readonly string[] = []): string | undefined {
  if (typeof text !== 'string') return undefined;
  let clean = text;
  for (const secret of secrets) clean = clean.replaceAll(secret, '[removed]');
  clean = clean
    // Every JWT header begins like this: it is `{"` in base64url.
    .replace(/eyJ[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)*/g, '[removed]')
    .replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?');
  return clean.length > maxLength ? `${clean.slice(0, maxLength - 3)}...` : clean;
}

/** The parts of a compact JWT that must not be quoted: the whole, and the signature, without which it is worthless. */
export function secretsOf(jwt: string): string[] {
  const signature = jwt.slice(jwt.lastIndexOf('.') + 1);
  return signature === '' ? [jwt] : [jwt, signature];
}
