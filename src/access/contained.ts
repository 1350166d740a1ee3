/** More contained resources than anybody means to send. */
const MAX_CONTAINED = 1000;

/** The types of the contained resources, or undefined if one of them is no resource. */
export function containedTypes(resource: Readonly<Record<string, unknown>>): readonly string[] | undefined {
  const { contained } = resource;
  if (contained === undefined || contained === null) return [];
  if (!Array.isArray(contained) || contained.length > MAX_CONTAINED) return undefined;
  const types = contained.map((each: unknown) =>
    typeof each === 'object' && each !== null ? (each as { readonly resourceType?: unknown }).resourceType : undefined,
  );
  return types.every((type): type is string => typeof type === 'string') ? types : undefined;
}

/**
 * Whether one of the contained resources is a person's record. A contained resource has no identity of its own outside
 * the one that contains it (FHIR R4, 2.3.0.2), so it can never be shown to be the caller's.
 */
export function namesOtherPatient(types: readonly string[]): boolean {
  return types.some((type) => type === 'Patient' || type === 'RelatedPerson' || type === 'Person');
}
