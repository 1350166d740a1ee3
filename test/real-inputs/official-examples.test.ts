import { expect } from 'chai';
import type { SearchFilter } from 'fhir-works-on-aws-interface';
import { SMARTHandler } from '../../src/index.js';
import type { Interaction } from '../../src/index.js';
import { CONFIG } from '../access/world.js';
import { ALL_EXAMPLES, officialExamples } from '../fhir/official-examples.js';
import type { ExampleResource, OfficialExample } from '../fhir/official-examples.js';
import type { FoundReference } from './reference-oracle.js';
import { allReferences } from './reference-oracle.js';

const BASE = 'https://fhir.example.org/r4';
/** The types that a fhirUser may be of. */
const PERSONS = ['Patient', 'Practitioner', 'PractitionerRole', 'RelatedPerson', 'Person'];

type Identity = Readonly<Record<string, unknown>>;

function handlerWith(admins: readonly string[]): SMARTHandler {
  return new SMARTHandler({ ...CONFIG, expectedAudValue: BASE }, BASE, '4.0.1', admins, undefined, undefined, {
    writesWithoutLookup: 'allow',
  });
}

function identity(level: 'user' | 'patient' | 'system', reference = ''): Identity {
  const [id = '', resourceType = '', ...base] = reference
    .replace(/\/_history\/.*$/, '')
    .split('/')
    .reverse();
  const who = { hostname: base.length === 0 ? BASE : base.reverse().join('/'), resourceType, id };
  const scopes = [`${level}/*.*`];
  return {
    sub: 'somebody',
    scopes,
    usableScopes: scopes,
    ...(level === 'user' && { fhirUserObject: who }),
    ...(level === 'patient' && { patientLaunchContext: who }),
  };
}

/** Whether it is let through; whatever else than a refusal goes wrong fails the test. */
async function isAllowed(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if ((error as { readonly isUnauthorizedError?: unknown }).isUnauthorizedError !== true) throw error;
    return false;
  }
}

const searchset = (...resources: unknown[]) => ({
  resourceType: 'Bundle',
  type: 'searchset',
  total: resources.length,
  entry: resources.map((resource) => ({ resource, search: { mode: 'match' } })),
});

/** What each method says about one resource, for one identity. */
async function throughEveryMethod(handler: SMARTHandler, userIdentity: Identity, resource: ExampleResource) {
  const { resourceType } = resource;
  const id = typeof resource['id'] === 'string' ? resource['id'] : '';
  const who = { userIdentity, fhirServiceBaseUrl: BASE };
  const reading = async (operation: Interaction): Promise<boolean> =>
    isAllowed(() => handler.authorizeAndFilterReadResponse({ ...who, operation, readResponse: resource }));
  const listing = async (operation: Interaction): Promise<boolean> => {
    const filtered: unknown = await handler.authorizeAndFilterReadResponse({
      ...who,
      operation,
      readResponse: searchset(resource),
    });
    return (filtered as { entry: unknown[] }).entry.length === 1;
  };
  const writing = async (operation: 'create' | 'update' | 'patch' | 'delete'): Promise<boolean> =>
    isAllowed(() => handler.isWriteRequestAuthorized({ ...who, operation, resourceBody: resource }));
  const bundling = async (operation: Interaction): Promise<boolean> =>
    isAllowed(() =>
      handler.isBundleRequestAuthorized({ ...who, requests: [{ operation, resourceType, id, resource }] }),
    );
  const filters: SearchFilter[] = await handler.getSearchFilterBasedOnIdentity({
    ...who,
    operation: 'search-type',
    resourceType,
  });
  const types = await handler.getAllowedResourceTypesForOperation({ userIdentity, operation: 'search-type' });
  const asked = { ...who, operation: 'read', resourceType, id, resource } as const;
  const decision = await handler.decide(asked);
  return {
    reads: [await reading('read'), await reading('vread')],
    lists: [
      await listing('search-type'),
      await listing('search-system'),
      await listing('history-instance'),
      await listing('history-system'),
    ],
    replaces: [await writing('update'), await writing('patch'), await writing('delete'), await bundling('update')],
    creates: [await writing('create'), await bundling('create')],
    decides: [decision.decision === 'allow', await handler.isAuthorized(asked)],
    explains: await handler.explain(asked),
    code: decision.decision === 'allow' ? decision.code : 'denied',
    path: decision.decision === 'allow' ? decision.path : undefined,
    filters,
    searches: types.includes(resourceType),
  };
}

/** A relative or absolute reference without its version, as an identity would be named. */
function nameOf(reference: string): string {
  return reference.replace(/\/_history\/[^/]*$/, '');
}

describe(`real inputs: ${ALL_EXAMPLES ? 'all' : 'a sample of the'} official R4 examples`, function () {
  this.timeout(ALL_EXAMPLES ? 900_000 : 60_000);
  const examples: OfficialExample[] = [];
  const strict = handlerWith([]);
  const withAdmins = handlerWith(['Practitioner']);

  before(async () => {
    for await (const example of officialExamples()) {
      if (typeof example.resource.resourceType === 'string') examples.push(example);
    }
    expect(examples.length).to.be.above(ALL_EXAMPLES ? 5_000 : 200);
  });

  it('an admin and a system get through every method with everything', async () => {
    for (const { file, resource } of examples) {
      const opened = await Promise.all([
        throughEveryMethod(withAdmins, identity('user', 'Practitioner/nobody'), resource),
        throughEveryMethod(withAdmins, identity('system'), resource),
      ]);
      for (const { reads, lists, replaces, creates, decides, searches, filters, code } of opened) {
        expect([reads, lists, replaces, creates, decides].flat(), file).not.to.include(false);
        expect(code, file).to.be.oneOf(['admin', 'system']);
        expect(filters, file).to.deep.equal([]);
        expect(searches, file).to.equal(true);
      }
    }
  });

  it('a patient and a practitioner whom no example names get through none', async () => {
    for (const { file, resource } of examples) {
      for (const stranger of [identity('patient', 'Patient/no-such'), identity('user', 'Practitioner/no-such')]) {
        const { reads, lists, replaces, creates, decides, filters } = await throughEveryMethod(
          strict,
          stranger,
          resource,
        );
        expect([reads, lists, replaces, creates, decides].flat(), file).not.to.include(true);
        expect(filters, file).to.have.length.greaterThan(0);
      }
    }
  });

  it('everybody whom an example names at an official path is found, by every method, and nobody else', async () => {
    let [found, passedOver] = [0, 0];
    for (const { file, resource } of examples) {
      const references = allReferences(resource);
      for (const [name, mentions] of byPerson(references)) {
        const type = PERSONS.find((person) => new RegExp(`(?:^|/)${person}/[^/]+$`).test(name));
        if (type === undefined) continue;
        const official = mentions.filter(({ isOfficial }) => isOfficial);
        const isSelf = name === `${resource.resourceType}/${String(resource['id'])}`;
        const levels = type === 'Patient' ? (['user', 'patient'] as const) : (['user'] as const);
        for (const level of levels) {
          const about = `${file}, ${name}, ${level}: ${JSON.stringify(mentions)}`;
          const result = await throughEveryMethod(strict, identity(level, name), resource);
          const expected = isSelf || official.length > 0;
          const answers = [result.reads, result.lists, result.decides].flat();
          expect(answers, about).to.deep.equal(answers.map(() => expected));
          expect(result.replaces, about).to.deep.equal([expected, expected, expected, expected]);
          // On create the id proves nothing: there only references count.
          expect(result.creates, about).to.deep.equal([official.length > 0, official.length > 0]);
          if (result.code === 'referenced') {
            expect(
              official.map(({ path }) => path),
              about,
            ).to.include(`${resource.resourceType}.${result.path ?? ''}`);
          }
        }
        if (official.length > 0) found += official.length;
        else passedOver += 1;
      }
    }
    // Both kinds occur, or the comparison proves nothing.
    expect(found).to.be.above(ALL_EXAMPLES ? 1_000 : 100);
    expect(passedOver).to.be.above(0);
  });

  it('one search that returns them all is filtered as each of them is judged', async () => {
    const all = searchset(...examples.map(({ resource }) => resource));
    for (const person of [
      'Patient/example',
      'Practitioner/example',
      'Patient/f001',
      'RelatedPerson/peter',
      'Practitioner/f005',
    ]) {
      const filtered: unknown = await strict.authorizeAndFilterReadResponse({
        operation: 'search-system',
        userIdentity: identity('user', person),
        readResponse: all,
        fhirServiceBaseUrl: BASE,
      });
      const expected = examples.filter(
        ({ resource }) =>
          person === `${resource.resourceType}/${String(resource['id'])}` ||
          allReferences(resource).some(({ reference, isOfficial }) => isOfficial && nameOf(reference) === person),
      );
      const { entry, total } = filtered as { entry: { resource: unknown }[]; total: number };
      expect(entry.map(({ resource }) => resource)).to.deep.equal(expected.map(({ resource }) => resource));
      expect(total).to.equal(expected.length);
    }
  });
});

function byPerson(references: readonly FoundReference[]): ReadonlyMap<string, readonly FoundReference[]> {
  const people = new Map<string, FoundReference[]>();
  for (const found of references) {
    const name = nameOf(found.reference);
    people.set(name, [...(people.get(name) ?? []), found]);
  }
  return people;
}
