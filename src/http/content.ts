/** The body of a request, as far as it was understood. */
export interface Content {
  readonly kind: 'resource' | 'patch' | 'none';
  readonly value: unknown;
}

/** No body. */
export const NOTHING: Content = { kind: 'none', value: undefined };

/** The body that an interaction is judged by. What comes with a read or a search goes no further. */
export function contentFor(interaction: string): Content['kind'] {
  if (interaction === 'create' || interaction === 'update') return 'resource';
  return interaction === 'patch' ? 'patch' : 'none';
}
