import type { DecisionEvent } from '../../../src/index.js';

export interface Step {
  title: string;
  why: string;
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  body?: object;
  token?: string;
  /** What the shell variable is called in the command that is shown; TOKEN unless said. */
  tokenName?: string;
  /** The status, and in a few words what the answer holds: `200 4 Observation`. */
  expect: string;
}

/** Asks the FHIR server step by step, prints each, and remembers whether all went as said. */
export class Walk {
  #fhirBase: string;
  #print: (text: string) => void;
  #decisions: string[] = [];
  #steps = 0;
  #surprises = 0;

  constructor(fhirBase: string, print = printToStdout) {
    this.#fhirBase = fhirBase;
    this.#print = print;
  }

  /** Whether anything went otherwise than said, in a sentence. */
  get summary(): string {
    return this.#surprises === 0
      ? `All ${this.#steps} steps went as said.`
      : `${this.#surprises} of ${this.#steps} steps did not go as said.`;
  }

  get succeeded(): boolean {
    return this.#surprises === 0;
  }

  /** What the handler decided, to be shown with the step that is being asked. */
  note(event: DecisionEvent): void {
    this.#decisions.push(describeDecision(event));
  }

  section(title: string): void {
    this.#print(`\n── ${title} ${'─'.repeat(Math.max(0, 96 - title.length))}`);
  }

  /** A step that is not a request to the FHIR server: `act` says what came, and what of it is worth a look. */
  async observe<T>(
    step: { title: string; why: string; shell: string; expect: string },
    act: () => Promise<{ actual: string; value: T; shown?: Record<string, object> }>,
  ): Promise<T> {
    this.#announce(step.title, step.why, step.shell, step.expect);
    const { actual, value, shown = {} } = await act();
    for (const [name, content] of Object.entries(shown))
      this.#print(`     ${name.padEnd(10)}${JSON.stringify(content)}`);
    this.#compare(step.expect, actual);
    return value;
  }

  async ask(step: Step): Promise<void> {
    this.#announce(step.title, step.why, curl(this.#fhirBase, step), step.expect);
    this.#decisions = [];
    const response = await fetch(`${this.#fhirBase}${step.path}`, {
      method: step.method ?? 'GET',
      headers: {
        ...(step.token !== undefined && { authorization: `Bearer ${step.token}` }),
        ...(step.body && { 'content-type': 'application/fhir+json' }),
      },
      ...(step.body && { body: JSON.stringify(step.body) }),
    });
    const content: unknown = await response.json().catch(() => undefined);
    for (const decision of this.#decisions) this.#print(`     handler   ${decision}`);
    this.#compare(step.expect, `${response.status} ${describe(response.status, content)}`.trim());
  }

  #announce(title: string, why: string, shell: string, expect: string): void {
    this.#steps += 1;
    this.#print(
      `\n${String(this.#steps).padStart(3)}  ${title}\n     why       ${why}\n     try       ${shell}\n     expected  ${expect}`,
    );
  }

  #compare(expected: string, actual: string): void {
    if (actual !== expected) this.#surprises += 1;
    this.#print(`     actual    ${actual}   ${actual === expected ? '✓' : '✗ not as said'}`);
  }
}

export function printToStdout(text: string): void {
  process.stdout.write(`${text}\n`);
}

function curl(fhirBase: string, { method = 'GET', path, body, token, tokenName = 'TOKEN' }: Step): string {
  return [
    'curl -s',
    ...(method === 'GET' ? [] : [`-X ${method}`]),
    ...(token === undefined ? [] : [`-H "Authorization: Bearer $${tokenName}"`]),
    ...(body ? ["-H 'Content-Type: application/fhir+json'", `-d '${JSON.stringify(body)}'`] : []),
    `'${fhirBase}${path}'`,
  ].join(' ');
}

interface Answer {
  resourceType?: string;
  id?: string;
  type?: string;
  entry?: {
    resource?: { resourceType: string };
    search?: { mode: string };
    response?: { status: string; location: string };
  }[];
}

/** `isWriteRequestAuthorized: deny (not-referenced)` */
function describeDecision({ method, decision, filtered }: DecisionEvent): string {
  const because =
    decision.decision === 'deny'
      ? [...new Set(decision.reasons.map(({ code }) => code))].join(', ')
      : [decision.code, decision.path && `at ${decision.path}`, decision.grant && `by ${decision.grant.scope}`]
          .filter(Boolean)
          .join(' ');
  const entries = filtered ? `, ${filtered.kept} entries kept, ${filtered.dropped} dropped` : '';
  return `${method}: ${decision.decision} (${because})${entries}`;
}

function isSmartConfiguration(content: unknown): boolean {
  return typeof content === 'object' && content !== null && 'token_endpoint' in content && 'capabilities' in content;
}

/** What the answer holds, in a few words. */
function describe(status: number, content: unknown): string {
  const { resourceType = '', id = '', type, entry = [] } = (content ?? {}) as Answer;
  if (isSmartConfiguration(content)) return 'SMART configuration';
  if (resourceType === 'OperationOutcome' || resourceType === '') return '';
  if (resourceType === 'CapabilityStatement') return resourceType;
  if (resourceType !== 'Bundle') return status === 201 ? `a new ${resourceType}` : `${resourceType}/${id}`;
  if (type === 'history') return `${entry.length} versions`;
  if (type !== 'searchset')
    return entry.map(({ response }) => `[${response?.location ?? ''}: ${response?.status ?? ''}]`).join(' ');

  const counts = new Map<string, number>();
  for (const { resource, search } of entry) {
    const kind = `${resource?.resourceType ?? ''}${search?.mode === 'include' ? ' included' : ''}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ') || 'nothing';
}
