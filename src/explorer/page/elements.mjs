// Plain elements by plain calls: a page of this size needs no library, and none has to be shipped and kept up to date with the
// package. Whatever is shown goes in as text, so that nothing pasted can become markup.

/**
 * Makes an element.
 *
 * @param {string} name
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

/** The element with an id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Options of a select: pairs of value and text. */
export function fillSelect(select, options) {
  select.replaceChildren(...options.map(([value, text]) => element('option', { value }, text)));
}

/** Shows a complaint about a field, or takes it away. */
export function complain(field, problem) {
  byId(`${field.id}-error`).textContent = problem;
  field.setAttribute('aria-invalid', String(problem !== ''));
}

/** As many names as are worth reading. */
export function listed(names, most = 20) {
  const more = names.length - most;
  return `${names.slice(0, most).join(', ')}${more > 0 ? `, and ${more} more` : ''}`;
}
