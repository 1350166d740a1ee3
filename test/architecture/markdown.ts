import { textOf } from './sources.js';

/** A Markdown table: its rows by the names of its columns. Cells are trimmed; their Markdown is kept. */
export function tablesOf(markdown: string): Record<string, string>[][] {
  const tables: Record<string, string>[][] = [];
  let columns: string[] | undefined;
  for (const line of markdown.split('\n')) {
    if (!line.startsWith('|')) {
      columns = undefined;
      continue;
    }
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    const inner = cells.slice(1, -1);
    if (columns === undefined) {
      columns = inner;
      tables.push([]);
    } else if (!inner.every((cell) => /^:?-+:?$/.test(cell))) {
      const names = columns;
      tables
        .at(-1)
        ?.push(Object.fromEntries(inner.map((cell, index) => [names[index] ?? `column ${index + 1}`, cell])));
    }
  }
  return tables;
}

/** The part of a document below one heading, as far as the next heading of the same or a higher level. */
export function sectionOf(path: string, heading: string): string {
  const lines = textOf(path).split('\n');
  const start = lines.indexOf(heading);
  if (start === -1) throw new Error(`${path} has no heading "${heading}"`);
  const level = heading.indexOf(' ');
  const end = lines.findIndex((line, at) => at > start && /^#{1,6} /.test(line) && line.indexOf(' ') <= level);
  return lines.slice(start + 1, end === -1 ? undefined : end).join('\n');
}

/** The texts in backquotes. */
export function codeIn(markdown: string): string[] {
  return [...markdown.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code ?? '');
}

/** The fenced blocks of a language. */
export function blocksOf(markdown: string, language: string): string[] {
  return [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter(([, name]) => name === language)
    .map(([, , text]) => text ?? '');
}
