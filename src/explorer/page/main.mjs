import { showDecision, showEntries, showProblem } from './decision-view.mjs';
import { byId, complain, element, fillSelect } from './elements.mjs';
import { claimsOf, decodeToken, fieldsOf, holdsToken, isObject, withoutTokens } from './identity.mjs';
import { showJson } from './json-view.mjs';
import { fragmentOf, stateOf } from './link.mjs';
import { showMatrix } from './matrix-view.mjs';

const WAIT_MS = 250;

/** Bulk data exports, by their level. */
const EXPORTS = { 'export of all': 'system', 'export of all patients': 'patient', 'export of a Group': 'group' };

const fields = Object.fromEntries(
  ['identity', 'scopes', 'fhirUser', 'patient', 'token', 'claims', 'example', 'operation', 'resourceType', 'query']
    .concat(['resource', 'stored', 'with-resource'])
    .map((id) => [id, byId(id)]),
);

const config = await (await fetch('/api/config')).json();
let asking = new AbortController();
let timer;

begin();

function begin() {
  byId('config').textContent = `${config.name}: FHIR ${config.fhirVersion} at ${config.baseUrl}`;
  fillSelect(fields.identity, [
    ['', 'one of your own'],
    ...config.identities.map(({ title }, at) => [String(at), title]),
  ]);
  fillSelect(fields.example, [
    ['', 'one of your own'],
    ...config.resources.map(({ title }, at) => [String(at), title]),
  ]);
  fillSelect(
    fields.operation,
    [...config.interactions, ...config.operations, ...Object.keys(EXPORTS)].map((name) => [name, name]),
  );
  byId('types').replaceChildren(...config.resourceTypes.map((value) => element('option', { value })));

  fields.identity.addEventListener('change', takeIdentity);
  fields.example.addEventListener('change', takeExample);
  fields.token.addEventListener('input', () => readToken(fields.token));
  fields.claims.addEventListener('input', () => holdsToken(fields.claims.value) && readToken(fields.claims));
  fields.scopes.addEventListener('input', () => holdsToken(fields.scopes.value) && readToken(fields.scopes));
  byId('form').addEventListener('input', askSoon);
  byId('form').addEventListener('submit', (event) => event.preventDefault());
  byId('copy').addEventListener('click', copyLink);
  window.addEventListener('hashchange', () => {
    const state = stateOf(location.hash);
    // The link to the decision changes the fragment, too.
    if (state) follow(state);
  });
  follow(stateOf(location.hash) ?? { identity: '0', example: '0' });
}

/** Takes over a link, or what is shown first. */
function follow(state) {
  if (state.identity !== undefined) {
    fields.identity.value = state.identity;
    takeIdentity();
  } else {
    fields.identity.value = '';
    for (const name of ['scopes', 'fhirUser', 'patient']) fields[name].value = state[name] ?? '';
  }
  if (state.example !== undefined && config.resources[Number(state.example)]) {
    fields.example.value = state.example;
    takeExample();
  } else {
    fields.example.value = '';
    fields.resource.value = state.resource ?? '';
  }
  fields.stored.value = state.stored ?? '';
  for (const name of ['resourceType', 'query']) fields[name].value = state[name] ?? '';
  if (state.operation !== undefined) fields.operation.value = state.operation;
  if (fields.operation.value === '') fields.operation.value = 'read';
  void ask();
}

function takeIdentity() {
  const identity = config.identities[Number(fields.identity.value || -1)];
  if (!identity) return;
  for (const name of ['scopes', 'fhirUser', 'patient']) fields[name].value = identity[name] ?? '';
  fields.claims.value = '';
}

function takeExample() {
  const example = config.resources[Number(fields.example.value || -1)];
  if (!example) return;
  fields.operation.value = example.operation;
  fields.resourceType.value = '';
  fields.resource.value = JSON.stringify(example.resource, null, 2);
}

/** Decodes a token where it was pasted, and takes it out of the page at once. */
function readToken(field) {
  const text = field.value;
  if (text.trim() === '') return;
  const { claims, problem } = decodeToken(text);
  byId('more-claims').open = true;
  if (problem) {
    complain(fields.claims, problem);
    return;
  }
  field.value = '';
  const { rest, ...known } = fieldsOf(claims, config);
  for (const name of ['scopes', 'fhirUser', 'patient']) fields[name].value = known[name];
  fields.claims.value = Object.keys(rest).length === 0 ? '' : JSON.stringify(rest, null, 2);
  fields.identity.value = '';
  complain(fields.claims, '');
}

function askSoon({ target }) {
  if (['scopes', 'fhirUser', 'patient', 'claims'].includes(target.id)) fields.identity.value = '';
  if (target.id === 'resource') fields.example.value = '';
  clearTimeout(timer);
  timer = setTimeout(() => void ask(), WAIT_MS);
}

async function ask() {
  clearTimeout(timer);
  showFields();
  const question = questionOf();
  history.replaceState(null, '', fragmentOf(stateNow()));
  asking.abort();
  if (!question) {
    refuseToShow('A field cannot be read; it says why.');
    return;
  }
  asking = new AbortController();
  try {
    // Whatever was pasted where: a token does not leave the page.
    const body = withoutTokens(JSON.stringify(question.request));
    if (new TextEncoder().encode(body).length > config.maxBytes) {
      refuseToShow(`This is larger than ${config.maxBytes} bytes, and is not read.`);
      return;
    }
    const response = await fetch('/api/answer', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: asking.signal,
    });
    const answer = await response.json();
    if (response.ok) show(answer, question.shown);
    else refuseToShow(answer.error);
  } catch (error) {
    if (error.name !== 'AbortError') refuseToShow('The explorer does not answer: is it still running?');
  }
}

/** What was decided before is no answer to what stands here now. */
function refuseToShow(problem) {
  showProblem(byId('decision'), problem);
  for (const id of ['entries-section', 'lit-section']) byId(id).hidden = true;
}

function show(answer, resource) {
  showDecision(byId('decision'), answer);
  const { entries } = answer;
  byId('entries-section').hidden = entries === undefined;
  if (entries) {
    const resourceOf = (index) => resource.entry[index]?.resource;
    showEntries(byId('entries'), entries, {
      kind: isList(fields.operation.value) ? 'found' : 'sent',
      count: answer.entryCount,
      hasResource: (index) => resourceOf(index) !== undefined,
      onShow: (index) => {
        light(resourceOf(index), entries[index].decision);
        byId('lit').focus();
      },
    });
  } else byId('entries').replaceChildren();
  light(entries ? undefined : resource, answer.decision);
  showMatrix(byId('matrix'), answer.matrix);
}

function light(resource, decision) {
  byId('lit-section').hidden = resource === undefined;
  if (resource !== undefined) showJson(byId('lit'), resource, decision);
}

/** Which fields a question has depends on what is asked. */
function showFields() {
  const operation = fields.operation.value;
  const isWrite = operation === 'update' || operation === 'patch';
  byId('query-field').hidden = !operation.startsWith('search-');
  byId('stored-field').hidden = !isWrite;
  byId('resource-field').hidden = operation in EXPORTS;
  byId('resource-label').textContent =
    operation === 'batch' || operation === 'transaction'
      ? 'Bundle as it is sent, as JSON'
      : operation === 'patch'
        ? 'Patch, as JSON'
        : operation === 'delete'
          ? 'Resource as it is stored, as JSON'
          : isWrite || operation === 'create'
            ? 'Resource as it is sent, as JSON'
            : 'Resource or Bundle, as JSON';
}

/** The question, or undefined where a field cannot be read; then the field says why. */
function questionOf() {
  const operation = fields.operation.value;
  const rest = readJson(fields.claims, isObject, 'must be a JSON object of claims');
  const resource = readJson(fields.resource);
  const stored = byId('stored-field').hidden ? {} : readJson(fields.stored);
  if (!rest || !resource || !stored) return undefined;
  const claims = claimsOf(
    {
      scopes: fields.scopes.value,
      fhirUser: fields.fhirUser.value,
      patient: fields.patient.value,
      rest: rest.value ?? {},
    },
    config,
  );
  const exportType = EXPORTS[operation];
  if (exportType !== undefined) return { request: exportOf(exportType, claims), shown: undefined };
  const isBundle = isList(operation) && isObject(resource.value) && resource.value.resourceType === 'Bundle';
  const typed = fields.resourceType.value.trim();
  const request = { claims, operation };
  const resourceType =
    typed === '' ? typeOf(isBundle ? resource.value.entry?.[0]?.resource : (stored.value ?? resource.value)) : typed;
  if (resourceType !== undefined && !isOfSystem(operation)) request.resourceType = resourceType;
  const id = isObject(stored.value) ? stored.value.id : undefined;
  if (typeof id === 'string') request.id = id;
  if (fields.query.value !== '' && operation.startsWith('search-')) {
    request.query = [...new URLSearchParams(fields.query.value)];
  }
  if (resource.value !== undefined) {
    if (isBundle) request.bundle = resource.value;
    else if (operation === 'patch') request.patch = resource.value;
    else if (operation === 'delete') request.storedResource = resource.value;
    else request.resource = resource.value;
  }
  if (stored.value !== undefined) request.storedResource = stored.value;
  const shown = operation === 'patch' ? stored.value : resource.value;
  return { request, shown };
}

/** The start of an export of the types that the form names, or of all. */
function exportOf(exportType, claims) {
  const types = fields.resourceType.value.split(/[\s,]+/).filter(Boolean);
  return {
    // Whoever is out of the examples is somebody; of a token that was pasted, its own claims count.
    claims: fields.identity.value === '' ? claims : { sub: 'example', ...claims },
    operation: '$export',
    bulkDataAuth: { operation: 'initiate-export', exportType },
    ...(types.length > 0 && { types }),
  };
}

/** The JSON in a field; undefined where it cannot be read, and the field complains. An empty field holds nothing. */
function readJson(field, accepts = () => true, demand = '') {
  if (field.value.trim() === '') {
    complain(field, '');
    return { value: undefined };
  }
  try {
    const value = JSON.parse(field.value);
    complain(field, accepts(value) ? '' : demand);
    return accepts(value) ? { value } : undefined;
  } catch (error) {
    complain(field, `Not valid JSON: ${error.message}`);
    return undefined;
  }
}

/** Whether an interaction answers with a Bundle of results. */
function isList(operation) {
  return /^(?:search|history)-/.test(operation);
}

/** Whether an interaction is about no resource type. */
function isOfSystem(operation) {
  return operation.endsWith('-system') || operation === 'batch' || operation === 'transaction';
}

function typeOf(resource) {
  return isObject(resource) && typeof resource.resourceType === 'string' ? resource.resourceType : undefined;
}

/** The form, as far as a link may carry it. */
function stateNow() {
  const withResource = fields['with-resource'].checked;
  const state = Object.fromEntries(
    ['scopes', 'fhirUser', 'patient', 'operation', 'resourceType', 'query', 'example'].map((name) => [
      name,
      fields[name].value,
    ]),
  );
  return withResource ? { ...state, resource: fields.resource.value, stored: fields.stored.value } : state;
}

async function copyLink() {
  history.replaceState(null, '', fragmentOf(stateNow()));
  try {
    await navigator.clipboard.writeText(location.href);
    byId('copied').textContent = 'Copied.';
  } catch {
    byId('copied').textContent = 'The browser does not let this page copy: the link is in the address bar.';
  }
}
