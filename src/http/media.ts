import type { HeaderBag } from './request.js';

/** What a body is, by its Content-Type. */
export type BodyKind = 'resource' | 'json-patch' | 'merge-patch' | 'form' | 'other' | 'none';

const KINDS: Readonly<Record<string, BodyKind>> = {
  'application/fhir+json': 'resource',
  'application/json': 'resource',
  'application/json-patch+json': 'json-patch',
  'application/merge-patch+json': 'merge-patch',
  'application/x-www-form-urlencoded': 'form',
};

/** Whether a body has to be decoded before anybody can read it. */
export function isEncoded({ 'content-encoding': encoding }: HeaderBag): boolean {
  return encoding !== undefined && encoding !== 'identity';
}

/** Reads Content-Type and Content-Encoding. Another charset than UTF-8 and any encoding make it `other`. */
export function bodyKind(headers: HeaderBag): BodyKind {
  if (isEncoded(headers)) return 'other';
  const type = headers['content-type'];
  if (type === undefined) return 'none';
  if (typeof type !== 'string') return 'other';
  const [media = '', ...parameters] = type.split(';');
  const charset = parameters.map((each) => each.trim().toLowerCase()).filter((each) => each.startsWith('charset='));
  if (charset.some((each) => each !== 'charset=utf-8' && each !== 'charset="utf-8"')) return 'other';
  return KINDS[media.trim().toLowerCase()] ?? 'other';
}

/** Whether a response is JSON, by its Content-Type. */
export function isJsonMedia(type: unknown): boolean {
  return typeof type === 'string' && /^application\/(?:fhir\+)?json(?:\s*;|$)/i.test(type.trim());
}

/** Whether a client takes FHIR JSON, by its Accept header. No header takes anything (RFC 9110, 12.5.1). */
export function acceptsJson(accept: HeaderBag[string]): boolean {
  if (accept === undefined) return true;
  if (typeof accept !== 'string') return false;
  return accept.split(',').some((range) => {
    const [media = '', ...parameters] = range.split(';').map((each) => each.trim().toLowerCase());
    if (parameters.some((each) => /^q=0(?:\.0{0,3})?$/.test(each))) return false;
    return ['*/*', 'application/*', 'application/json', 'application/fhir+json', 'text/json'].includes(media);
  });
}
