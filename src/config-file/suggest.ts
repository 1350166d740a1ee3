import { configJsonSchema } from './json-schema.js';
import type { Step } from './parse-json.js';

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly anyOf?: readonly SchemaNode[];
  readonly allOf?: readonly SchemaNode[];
  readonly $ref?: string;
  readonly definitions?: Readonly<Record<string, SchemaNode>>;
}

/** The key that somebody meant who wrote another one, if one of those that are known there is alike. */
export function likelyKey(path: readonly Step[], isBare: boolean): string | undefined {
  const root = configJsonSchema() as SchemaNode;
  const written = String(path.at(-1) ?? '');
  const names = namesAt(root, root, isBare ? ['smart', ...path.slice(0, -1)] : path.slice(0, -1));
  const alike = names
    .map((name) => ({ name, distance: distanceBetween(name.toLowerCase(), written.toLowerCase().slice(0, 64)) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length / 4)))
    .sort((a, b) => a.distance - b.distance);
  return alike[0]?.name;
}

function namesAt(root: SchemaNode, node: SchemaNode, path: readonly Step[]): readonly string[] {
  const [step, ...rest] = path;
  const { $ref, anyOf = [], allOf = [] } = node;
  const target = $ref === undefined ? undefined : root.definitions?.[$ref.replace('#/definitions/', '')];
  const others = [...anyOf, ...allOf, ...(target ? [target] : [])].flatMap((each) => namesAt(root, each, path));
  if (step === undefined) return [...Object.keys(node.properties ?? {}), ...others];
  const next = typeof step === 'number' ? node.items : (node.properties?.[step] ?? freeMember(node));
  return next === undefined ? others : namesAt(root, next, rest);
}

function freeMember({ additionalProperties }: SchemaNode): SchemaNode | undefined {
  return typeof additionalProperties === 'object' ? additionalProperties : undefined;
}

/** How many letters have to be put in, taken out or changed (Levenshtein). */
function distanceBetween(a: string, b: string): number {
  let before = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const now = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const changed = (before[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      now.push(Math.min(changed, (before[column] ?? 0) + 1, (now[column - 1] ?? 0) + 1));
    }
    before = now;
  }
  return before[b.length] ?? 0;
}
