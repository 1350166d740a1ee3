/** The media ranges of an Accept header (RFC 9110, 12.5.1), in lower case, without those of weight 0. */
function rangesOf(accept: string): readonly string[] {
  return accept.split(',').flatMap((range) => {
    const [media = '', ...parameters] = range.split(';').map((each) => each.trim().toLowerCase());
    return parameters.some((each) => /^q=0(?:\.0{0,3})?$/.test(each)) ? [] : [media];
  });
}

/** Whether a media type is among what an Accept header takes. */
export function accepts(accept: string, type: string): boolean {
  const media = (type.split(';', 1)[0] ?? '').trim().toLowerCase();
  const [main = ''] = media.split('/', 1);
  return rangesOf(accept).some((range) => range === media || range === '*/*' || range === `${main}/*`);
}

/** Whether an Accept header names one of some media types, and does not only cover it. */
export function acceptsByName(accept: string, types: readonly string[]): boolean {
  return rangesOf(accept).some((range) => types.includes(range));
}
