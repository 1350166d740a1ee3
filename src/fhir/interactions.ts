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

/** Is this the name of a FHIR interaction? Any input is accepted. */
export function isInteraction(v: unknown): v is Interaction {
  return INTERACTIONS.some((interaction) => interaction === v);
}
