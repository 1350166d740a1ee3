/**
 * Where in a JSON object the interesting references are: a graph to walk together with the object.
 *
 * Each property may hold one value or an array of them. Recursive elements (Questionnaire.item.item) make the graph
 * cyclic, so a walker must be bounded by its input, never by the graph.
 */
export interface ReferenceNode {
  /** Names of the properties that hold a Reference or an array of References. */
  readonly references: readonly string[];
  /** Names of the properties below which there are more, each with what to look for there. */
  readonly children: readonly (readonly [name: string, node: ReferenceNode])[];
}
