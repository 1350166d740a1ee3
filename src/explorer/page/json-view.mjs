import { element } from './elements.mjs';

/** Lines of a resource that are shown; a page of more is nothing to look at. */
const MAX_LINES = 4000;

/** What is seen above the first lit line, in pixels. */
const LINES_ABOVE_PX = 120;

/**
 * Shows a resource as indented JSON, with the element lit that carried a decision.
 *
 * @param {HTMLElement} target
 * @param {unknown} resource
 * @param {{ decision: string, code?: string, path?: string, grant?: { identity?: string } }} decision
 */
export function showJson(target, resource, decision) {
  const lines = [];
  write(resource, '', [], undefined, litBy(decision, resource), false, lines);
  const shown = lines.slice(0, MAX_LINES).map(({ text, lit }) =>
    // A lit line is a block of its own, and ends like one.
    lit ? element('mark', {}, text) : `${text}\n`,
  );
  if (lines.length > MAX_LINES) shown.push(`… and ${lines.length - MAX_LINES} more lines`);
  target.replaceChildren(...shown);
  const mark = target.querySelector('mark');
  target.scrollTop = mark === null ? 0 : Math.max(mark.offsetTop - LINES_ABOVE_PX, 0);
}

/** Which values are lit: a test of their path (without indices) and of themselves. */
function litBy({ decision, code, path, grant }, resource) {
  if (decision !== 'allow') return () => false;
  if (code === 'self') return (names) => names.length === 1 && names[0] === 'id';
  if (typeof path !== 'string') return () => false;
  const type = typeof resource?.resourceType === 'string' ? `${resource.resourceType}.` : '.';
  const wanted = path.startsWith(type) ? path.slice(type.length) : path;
  const identity = code === 'admin-rule' ? undefined : grant?.identity;
  return (names, value) =>
    names.join('.') === wanted && (identity === undefined || String(value?.reference ?? '').includes(identity));
}

function write(value, indent, names, name, isLit, above, lines, comma = '') {
  const label = name === undefined ? '' : `${JSON.stringify(name)}: `;
  const lit = above || isLit(names, value);
  if (Array.isArray(value)) {
    if (value.length === 0) {
      lines.push({ text: `${indent}${label}[]${comma}`, lit });
      return;
    }
    lines.push({ text: `${indent}${label}[`, lit });
    value.forEach((item, index) => {
      write(item, `${indent}  `, names, undefined, isLit, lit, lines, index < value.length - 1 ? ',' : '');
    });
    lines.push({ text: `${indent}]${comma}`, lit });
  } else if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value);
    if (members.length === 0) {
      lines.push({ text: `${indent}${label}{}${comma}`, lit });
      return;
    }
    lines.push({ text: `${indent}${label}{`, lit });
    members.forEach(([key, member], index) => {
      write(member, `${indent}  `, [...names, key], key, isLit, lit, lines, index < members.length - 1 ? ',' : '');
    });
    lines.push({ text: `${indent}}${comma}`, lit });
  } else {
    lines.push({ text: `${indent}${label}${JSON.stringify(value)}${comma}`, lit });
  }
}
