import { element, listed } from './elements.mjs';

/** Shows a decision: what carried it, or what was nearest to it and what that lacked. */
export function showDecision(target, { decision, text, reasons, removed, types, entry }) {
  const isAllowed = decision.decision === 'allow';
  const parts = [
    element('p', { class: `verdict ${isAllowed ? 'allow' : 'deny'}` }, isAllowed ? '✓ Allowed' : '✕ Refused'),
  ];
  if (isAllowed) {
    parts.push(element('p', {}, text));
    const { code, grant, path } = decision;
    parts.push(
      facts([
        ['Grant', grant?.scope],
        ['for', grant?.identity],
        ['at', path],
        ['Code', code],
      ]),
    );
  } else {
    const [nearest, ...others] = reasons;
    if (entry !== undefined) parts.push(element('p', {}, `Because of entry ${entry}: a transaction is refused whole.`));
    if (nearest) {
      parts.push(
        element('h3', {}, nearest.scope === undefined ? 'Why' : 'The nearest grant, and what it lacked'),
        element('p', {}, ...describe(nearest)),
      );
    }
    if (others.length > 0) {
      parts.push(
        element('h3', {}, 'What else was tried'),
        element('ul', { class: 'reasons' }, ...others.map((reason) => element('li', {}, ...describe(reason)))),
      );
    }
  }
  if (types) parts.push(element('p', {}, `Types that may be written out: ${listed(types)}`));
  if (removed) parts.push(element('p', {}, `Taken out of the query: ${removed.join(', ')}`));
  target.replaceChildren(...parts);
}

/** Shows that there is no decision. */
export function showProblem(target, problem) {
  target.replaceChildren(element('p', { class: 'error' }, problem));
}

/** What becomes of an entry that was found, and of one that was sent. */
const FATES = { found: ['✓ shown', '✕ left out'], sent: ['✓ passes', '✕ refused'] };

/**
 * Lists the entries of a Bundle, each with its fate.
 *
 * @param {'found' | 'sent'} kind
 * @param {number | undefined} count How many there are, where not all are listed.
 * @param {(index: number) => boolean} hasResource Whether there is something to look at.
 * @param {(index: number) => void} onShow
 */
export function showEntries(target, entries, { kind, count, hasResource, onShow }) {
  const [good, bad] = FATES[kind];
  const items = entries.map((entry, index) => {
    const item = element(
      'li',
      {},
      element('span', { class: entry.visible ? 'shown' : 'hidden-entry' }, entry.visible ? good : bad),
      ' ',
      element('code', {}, entry.name),
      ' ',
      ...why(entry),
    );
    if (hasResource(index)) {
      const button = element('button', { type: 'button' }, 'Look at it');
      button.append(element('span', { class: 'spoken' }, `: ${entry.name}`));
      button.addEventListener('click', () => onShow(index));
      item.append(' ', button);
    }
    return item;
  });
  const more = count === undefined ? 0 : count - entries.length;
  if (more > 0) items.push(element('li', {}, `… and ${more} more`));
  target.replaceChildren(...items);
}

function why({ visible, decision, reasons }) {
  if (visible) {
    return decision.decision === 'allow' && decision.path !== undefined ? [`by ${decision.path}`] : [];
  }
  return reasons[0] ? describe(reasons[0]) : ['the scopes do not permit the search'];
}

function describe({ scope, text, code }) {
  return [
    ...(scope === undefined ? [] : [element('code', {}, scope), ': ']),
    text,
    ' ',
    element('span', { class: 'code' }, code),
  ];
}

function facts(pairs) {
  return element(
    'dl',
    {},
    ...pairs
      .filter(([, value]) => value !== undefined)
      .flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, element('code', {}, value))]),
  );
}
