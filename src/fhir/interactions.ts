/**
 * The RESTful interactions of FHIR that concern one type or one resource, as fhir-works-on-aws-interface names them.
 *
 * @see https://hl7.org/fhir/R4/valueset-type-restful-interaction.html
 */
export const TYPE_INTERACTIONS = [
  'create',
  'read',
  'vread',
  'update',
  'delete',
  'patch',
  'history-type',
  'history-instance',
  'search-type',
] as const;

/**
 * The RESTful interactions of FHIR that concern the whole system, as fhir-works-on-aws-interface names them.
 *
 * @see https://hl7.org/fhir/R4/valueset-system-restful-interaction.html
 */
export const SYSTEM_INTERACTIONS = ['transaction', 'batch', 'search-system', 'history-system'] as const;

/** Every interaction, those of a type first. */
export const INTERACTIONS = [...TYPE_INTERACTIONS, ...SYSTEM_INTERACTIONS] as const;

export type TypeInteraction = (typeof TYPE_INTERACTIONS)[number];
export type SystemInteraction = (typeof SYSTEM_INTERACTIONS)[number];
export type Interaction = TypeInteraction | SystemInteraction;

/** Whether one resource is read, in its present version or in another. */
export function isReading(interaction: string): interaction is 'read' | 'vread' {
  return interaction === 'read' || interaction === 'vread';
}

/** Whether it is a search. */
export function isSearch(interaction: string): interaction is 'search-type' | 'search-system' {
  return interaction === 'search-type' || interaction === 'search-system';
}

/** Whether it answers with a Bundle of results: a search or a history. */
export function isResultList(interaction: string): boolean {
  return interaction.startsWith('search-') || interaction.startsWith('history-');
}

/** Whether it changes nothing. */
export function isAsking(interaction: string): boolean {
  return isReading(interaction) || isResultList(interaction);
}

/** Is this the name of a FHIR interaction? Any input is accepted. */
export function isInteraction(v: unknown): v is Interaction {
  return INTERACTIONS.some((interaction) => interaction === v);
}
