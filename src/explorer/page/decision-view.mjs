import { element } from './elements.mjs';

/** Shows a decision: what carried it, or what was nearest to it and what that lacked. */
export function showDecision(target, { decision, text, reasons, removed }) {
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
  if (removed) parts.push(element('p', {}, `Taken out of the query: ${removed.join(', ')}`));
  target.replaceChildren(...parts);
}

/** Shows that there is no decision. */
export function showProblem(target, problem) {
  target.replaceChildren(element('p', { class: 'error' }, problem));
}

/** Lists the entries of a Bundle, each with its fate. */
export function showEntries(target, entries, onShow) {
  target.replaceChildren(
    ...entries.map((entry, index) => {
      const button = element('button', { type: 'button' }, 'Look at it');
      button.append(element('span', { class: 'spoken' }, `: ${entry.name}`));
      button.addEventListener('click', () => onShow(index));
      return element(
        'li',
        {},
        element('span', { class: entry.visible ? 'shown' : 'hidden-entry' }, entry.visible ? '✓ shown' : '✕ left out'),
        ' ',
        element('code', {}, entry.name),
        ' ',
        ...why(entry),
        ' ',
        button,
      );
    }),
  );
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
