import { expect } from 'chai';
import { parseScope } from '../../src/index.js';
import type { Interaction } from '../../src/index.js';
import { codeIn, sectionOf, tablesOf } from '../architecture/markdown.js';
import { handlerWith, here } from './world.js';

const DOCUMENT = 'docs/cookbook.md';

const handler = handlerWith();

const terminology = 'http://terminology.hl7.org/CodeSystem';
const inCategory = (resourceType: string, system: string, code: string): object => ({
  ...resourceOf(resourceType),
  category: [{ coding: [{ system: `${terminology}/${system}`, code }] }],
});

/** What the tables speak of. */
const RESOURCES: Readonly<Record<string, object>> = {
  'Observation of the patient': resourceOf('Observation'),
  'Observation of another': { ...resourceOf('Observation'), subject: { reference: 'Patient/p2' } },
  'laboratory Observation of the patient': inCategory('Observation', 'observation-category', 'laboratory'),
  'vital sign of the patient': inCategory('Observation', 'observation-category', 'vital-signs'),
  'problem of the patient': inCategory('Condition', 'condition-category', 'problem-list-item'),
  'encounter diagnosis of the patient': inCategory('Condition', 'condition-category', 'encounter-diagnosis'),
};

function resourceOf(resourceType: string): Record<string, unknown> {
  return { resourceType, id: 'r1', subject: { reference: 'Patient/p1' } };
}

/** Asks as the patient p1 with one scope: `read Observation of the patient`, `search-type Observation`, `transaction`. */
async function isOpen(scope: string, asked: string): Promise<boolean> {
  const [operation, ...rest] = asked.split(' ');
  const what = rest.join(' ');
  const resource = RESOURCES[what] as { resourceType: string } | undefined;
  const isWrite = ['create', 'update', 'delete'].includes(operation ?? '');
  if (!resource && what.includes(' ')) throw new Error(`${what}: no such resource`);
  return handler.isAuthorized({
    operation: operation as Interaction,
    userIdentity: { scopes: [scope], usableScopes: [scope], patientLaunchContext: here('Patient/p1') },
    ...(what !== '' && { resourceType: resource?.resourceType ?? what }),
    ...(resource && { resource }),
    ...(resource && isWrite && operation !== 'create' && { id: 'r1', storedResource: resource }),
  });
}

const rows = ['## Patients and those who act for them', '## Systems', '## US Core categories'].flatMap((heading) =>
  tablesOf(sectionOf(DOCUMENT, heading).replaceAll('\\|', '%7C')).flat(),
);

describe('the scope cookbook', () => {
  it('has rows', () => {
    expect(rows.length).to.be.greaterThan(12);
  });

  for (const row of rows) {
    const [scope = ''] = codeIn(row['scope'] ?? '');
    const [opens = ''] = codeIn(row['opens'] ?? '');
    const [closed = ''] = codeIn(row['does not open'] ?? '');
    it(`${scope} opens ${opens}, not ${closed}`, async () => {
      expect(await isOpen(scope, opens)).to.equal(true);
      expect(await isOpen(scope, closed)).to.equal(false);
    });
  }

  for (const row of tablesOf(sectionOf(DOCUMENT, '## What grants nothing, though it looks as if')).flat()) {
    const [scope = ''] = codeIn(row['scope'] ?? '');
    it(`${scope} grants nothing`, async () => {
      expect(parseScope(scope).kind).to.equal('invalid');
      expect(await isOpen(scope, 'read Observation of the patient')).to.equal(false);
    });
  }
});
