import { element, listed } from './elements.mjs';

const LEVELS = ['patient', 'user', 'system'];

const LETTERS = [
  ['c', 'create'],
  ['r', 'read'],
  ['u', 'update'],
  ['d', 'delete'],
  ['s', 'search'],
];

/** How a cell looks: a sign beside the colour, for those who see none. */
const STATES = {
  open: ['●', 'open for what belongs to the identity'],
  granular: ['◐', 'open for what meets the granular part as well'],
  nobody: ['○', 'the scope is there, its identity is missing'],
};

/** Scopes that are named in a cell. */
const MAX_SCOPES = 5;

/** Draws what scopes open: a table, so that it can be read cell by cell. */
export function showMatrix(target, { rows, idle, more }) {
  if (rows.length === 0 && idle.length === 0) {
    target.replaceChildren(element('p', {}, 'No scope, nothing open.'));
    return;
  }
  const table = element(
    'table',
    {},
    element('caption', {}, 'Resource types by level and letter, after this server’s ScopeRule'),
    element('thead', {}, levelRow(), letterRow()),
    element('tbody', {}, ...rows.map((row) => bodyRow(row, rows.length === 1))),
  );
  const legend = element(
    'ul',
    { class: 'legend' },
    ...Object.values(STATES).map(([sign, meaning]) => element('li', {}, `${sign} ${meaning}`)),
  );
  const parts = rows.length === 0 ? [] : [table, legend];
  if (more.rows > 0) parts.push(element('p', {}, `… and ${more.rows} more types`));
  if (idle.length > 0) {
    parts.push(
      element('h3', {}, 'Scopes that open nothing'),
      element(
        'ul',
        { class: 'reasons' },
        ...idle.map(({ scope, why }) => element('li', {}, element('code', {}, scope), `: ${why}`)),
      ),
    );
    if (more.idle > 0) parts.push(element('p', {}, `… and ${more.idle} more`));
  }
  target.replaceChildren(...parts);
}

function levelRow() {
  return element(
    'tr',
    {},
    element('th', { scope: 'col', rowspan: '2' }, 'Type'),
    ...LEVELS.map((level) => element('th', { scope: 'colgroup', colspan: '5' }, `${level}/`)),
  );
}

function letterRow() {
  return element(
    'tr',
    {},
    ...LEVELS.flatMap(() =>
      LETTERS.map(([letter, word], index) =>
        element(
          'th',
          { scope: 'col', ...(index === 0 && { class: 'first' }) },
          element('abbr', { title: word }, letter),
        ),
      ),
    ),
  );
}

function bodyRow({ type, cells }, isOnly) {
  const name = type === '*' ? `* (every ${isOnly ? '' : 'other '}type)` : type;
  return element(
    'tr',
    {},
    element('th', { scope: 'row' }, name),
    ...LEVELS.flatMap((level) =>
      LETTERS.map(([letter, word], index) => cellOf(cells[`${level}.${letter}`], word, index === 0)),
    ),
  );
}

function cellOf(cell, word, isFirst) {
  const classes = [isFirst ? 'first' : '', cell?.state ?? ''].filter(Boolean).join(' ');
  const attributes = classes === '' ? {} : { class: classes };
  if (!cell) return element('td', attributes, element('span', { class: 'spoken' }, 'closed'));
  const [sign, meaning] = STATES[cell.state];
  const by = listed(cell.scopes, MAX_SCOPES);
  const title = `${word}: ${meaning}. ${cell.interactions.join(', ')} by ${by}`;
  return element(
    'td',
    { ...attributes, title },
    element('span', { 'aria-hidden': 'true' }, sign),
    // The title is for those who point; whoever hears the table is told the same.
    element('span', { class: 'spoken' }, `${meaning}, by ${by}`),
  );
}
