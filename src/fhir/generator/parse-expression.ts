/*
 * The part of FHIRPath that the official SearchParameters use, as a tree. Operators in order of precedence, the
 * weakest first: `or`, `and`; `=`, `!=`; `|`; `is`, `as`; then members, calls and indexers.
 *
 * @see https://hl7.org/fhirpath/N1/#operator-precedence
 */

export type Expression =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'member'; readonly of: Expression; readonly name: string }
  | { readonly kind: 'index'; readonly of: Expression }
  | {
      readonly kind: 'call';
      readonly of: Expression | undefined;
      readonly name: string;
      readonly args: readonly Expression[];
    }
  | { readonly kind: 'operator'; readonly sign: string; readonly left: Expression; readonly right: Expression };

const LEVELS: readonly (readonly string[])[] = [['or'], ['and'], ['=', '!='], ['|'], ['is', 'as']];
const TOKEN = /\s*(?:([A-Za-z_]\w*)|('[^']*')|(\d+)|(!=|[|=.()[\],]))/y;

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  const trimmed = text.trimEnd();
  while (TOKEN.lastIndex < trimmed.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(trimmed);
    if (match === null) throw new SyntaxError(`unreadable expression at ${at}: ${text}`);
    tokens.push(match[0].trim());
  }
  return tokens;
}

/** Parses an expression; a SyntaxError where it goes beyond the subset. */
export function parseExpression(text: string): Expression {
  const tokens = tokenize(text);
  let at = 0;

  function accept(token: string): boolean {
    if (tokens[at] !== token) return false;
    at++;
    return true;
  }
  function expect(token: string): void {
    if (!accept(token)) throw new SyntaxError(`${token} expected before ${tokens[at] ?? 'the end'}: ${text}`);
  }
  function identifier(): string {
    const token = tokens[at];
    if (token === undefined || !/^[A-Za-z_]/.test(token)) throw new SyntaxError(`a name is missing: ${text}`);
    at++;
    return token;
  }
  function callOrName(of: Expression | undefined): Expression {
    const name = identifier();
    if (!accept('(')) return of === undefined ? { kind: 'name', name } : { kind: 'member', of, name };
    const args: Expression[] = [];
    if (!accept(')')) {
      do args.push(binary(0));
      while (accept(','));
      expect(')');
    }
    return { kind: 'call', of, name, args };
  }
  function primary(): Expression {
    const token = tokens[at] ?? '';
    if (accept('(')) {
      const inner = binary(0);
      expect(')');
      return inner;
    }
    if (/^['\d]/.test(token)) {
      at++;
      return { kind: 'literal', text: token.replace(/^'|'$/g, '') };
    }
    return callOrName(undefined);
  }
  function postfix(): Expression {
    let left = primary();
    for (;;) {
      if (accept('.')) left = callOrName(left);
      else if (accept('[')) {
        binary(0);
        expect(']');
        left = { kind: 'index', of: left };
      } else return left;
    }
  }
  function binary(level: number): Expression {
    const signs = LEVELS[level];
    if (signs === undefined) return postfix();
    let left = binary(level + 1);
    for (let sign = tokens[at]; sign !== undefined && signs.includes(sign); sign = tokens[at]) {
      at++;
      left = { kind: 'operator', sign, left, right: binary(level + 1) };
    }
    return left;
  }

  const expression = binary(0);
  if (at < tokens.length) throw new SyntaxError(`unexpected ${tokens[at] ?? ''}: ${text}`);
  return expression;
}
