import type { Result } from './result.js';
import { isNoisy, keeps } from './result.js';

const COLUMNS = ['work', 'yardstick', 'must', 'aim', 'ratio', 'middle half', 'measured', ''] as const;

/** The results as a table in Markdown, which reads as plain text too. */
export function tableOf(results: readonly Result[]): string {
  const rows = [COLUMNS, ...results.map(cellsOf)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length), 3));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [head = COLUMNS, ...body] = rows;
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...body.map(line)].join('\n');
}

function cellsOf(result: Result): readonly string[] {
  const { work, yardstick, bound, ratio, quartiles, measured, unit } = result;
  const sign = bound.side === 'least' ? '≥' : '≤';
  const limit = (value: number | undefined): string => (value === undefined ? '' : `${sign} ${value}`);
  return [
    work,
    yardstick,
    limit(bound.must),
    limit(bound.aim),
    precise(ratio),
    quartiles.map(precise).join(' – '),
    `${measured.map(precise).join(' / ')} ${unit}`,
    verdictOf(result),
  ];
}

function verdictOf(result: Result): string {
  const must = keeps(result, result.bound.must);
  if (must === undefined) return '';
  const verdict = keeps(result, result.bound.aim) ? 'aim' : must ? 'must' : 'MISSED';
  return isNoisy(result) ? `${verdict}, noisy` : verdict;
}

/** Two or three digits that mean something. */
function precise(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2) : value.toFixed(3);
}
