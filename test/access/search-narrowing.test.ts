import { expect } from 'chai';
import fc from 'fast-check';
import { compileConstraint } from '../../src/access/constraint/compile.js';
import type { SearchNarrowing } from '../../src/access/search-narrowing.js';
import { referencePaths } from '../../src/fhir/references.js';
import { resourceTypes } from '../../src/fhir/resource-types.js';
import { searchParameter } from '../../src/fhir/search-parameters.js';
import type { SMARTHandlerOptions } from '../../src/options.js';
import { RUNS } from '../runs.js';
import { BASE, handlerWith, here, identity } from './world.js';

type Json = Readonly<Record<string, unknown>>;

const TYPES = [...resourceTypes('4.0.1')];
const PEOPLE = ['Patient/p1', 'Patient/p2', `${BASE}/Patient/p1`, 'RelatedPerson/r1', 'Practitioner/d1'] as const;

/** The object with a reference at a dotted path; whatever stands on the way stays. */
function withReference(target: Json, [name = '', ...rest]: readonly string[], reference: string, many: boolean): Json {
  const inner = rest.length === 0 ? { reference } : withReference((target[name] ?? {}) as Json, rest, reference, many);
  return { ...target, [name]: rest.length === 0 && many ? [inner] : inner };
}

/** A resource of any type that refers to one or another at some of the elements that the definitions know. */
const anyResource: fc.Arbitrary<Json> = fc.constantFrom(...TYPES).chain((resourceType) => {
  const paths = referencePaths('4.0.1', resourceType).map(({ path }) => path.split('.').slice(1));
  const first: Json = { resourceType };
  if (paths.length === 0) return fc.constantFrom('p1', 'p2').map((id) => ({ ...first, id }));
  const link = fc.tuple(fc.constantFrom(...paths), fc.constantFrom(...PEOPLE), fc.boolean());
  return fc.tuple(fc.constantFrom('p1', 'p2', 'r1', 'other'), fc.array(link, { maxLength: 3 })).map(([id, links]) =>
    links.reduce<Json>((made, [path, reference, many]) => withReference(made, path, reference, many), {
      ...first,
      id,
    }),
  );
});

/** What a server finds that follows the parameter as FHIR defines it. */
function finds({ parameter, value }: SearchNarrowing, resource: Json): boolean {
  const values = value.split(',');
  if (parameter === '_id') return values.includes(String(resource['id']));
  const constraint = compileConstraint('4.0.1', String(resource['resourceType']), [{ parameter, values }], {
    base: BASE,
  });
  if ('unsupported' in constraint) throw new Error(`${parameter} cannot be searched`);
  return constraint.matches(resource);
}

const anyCaller = fc.constantFrom(
  identity(['patient/*.rs'], undefined, 'Patient/p1'),
  identity(['user/*.rs'], 'Patient/p1'),
  identity(['user/*.rs'], 'RelatedPerson/r1'),
  identity(['patient/*.rs', 'user/*.rs'], 'Patient/p2', 'Patient/p1'),
  identity(['patient/Observation.rs', 'user/*.rs'], 'RelatedPerson/r1', 'Patient/p1'),
  identity(['patient/*.rs', 'system/Observation.rs'], undefined, 'Patient/p1'),
  identity(['patient/*.rs', 'user/Condition.rs'], 'Practitioner/d1', 'Patient/p1'),
);

const anyMembership = fc.record({
  read: fc.constantFrom('reference' as const, 'compartment' as const),
  patientLink: fc.boolean(),
  groupMember: fc.boolean(),
  sharedTypes: fc.constantFrom([], ['Device']),
});

describe('the parameters by which a search may be narrowed', () => {
  const rule = { userTypes: ['RelatedPerson'], resourceType: 'Patient', path: 'managingOrganization', claim: 'orgs' };

  async function narrowings(options: SMARTHandlerOptions, userIdentity: Json, resourceType: string) {
    const handler = handlerWith(options);
    const answer = await handler.authorizeSearch({ operation: 'search-type', resourceType, userIdentity });
    return answer.narrowings;
  }

  it('find nothing that the filter would not keep; an exact one finds all that it would', async () => {
    let [exact, inexact, kept] = [0, 0, 0];
    await fc.assert(
      fc.asyncProperty(anyCaller, anyMembership, anyResource, async (userIdentity, membership, resource) => {
        const handler = handlerWith({ membership, adminRules: [] });
        const resourceType = String(resource['resourceType']);
        const found = await handler.authorizeSearch({ operation: 'search-type', resourceType, userIdentity });
        const bundle = { resourceType: 'Bundle', type: 'searchset', entry: [{ resource }] };
        const allowed = found.decision.decision === 'allow';
        const shown = allowed
          ? (await handler.filterBundle({ operation: 'search-type', userIdentity, bundle })).kept === 1
          : false;
        if (!allowed) expect(found.narrowings).to.deep.equal([]);
        for (const narrowing of found.narrowings) {
          // So that it may be paged: all on the other pages is the caller's as well.
          if (finds(narrowing, resource))
            expect(shown, `${narrowing.parameter} finds what is not to be seen`).to.equal(true);
          if (!narrowing.exact) inexact += 1;
          else if (shown) {
            exact += 1;
            expect(finds(narrowing, resource), `${narrowing.parameter} loses what may be seen`).to.equal(true);
          }
        }
        if (shown) kept += 1;
      }),
      { numRuns: RUNS * 2 },
    );
    expect(Math.min(exact, inexact, kept)).to.be.greaterThan(RUNS / 200);
  });

  it('are parameters of the type, and the exact ones come first', async () => {
    for (const read of ['reference', 'compartment'] as const) {
      for (const resourceType of TYPES) {
        const found = await narrowings(
          { membership: { read } },
          identity(['patient/*.rs'], '', 'Patient/p1'),
          resourceType,
        );
        for (const { parameter } of found)
          expect(searchParameter('4.0.1', resourceType, parameter)).to.not.equal(undefined);
        const ranks = found.map(({ exact }) => Number(!exact));
        expect(ranks).to.deep.equal([...ranks].sort());
      }
    }
  });

  it('are none where something else opens resources of the type', async () => {
    const patient = identity(['patient/*.rs'], undefined, 'Patient/p1');
    expect(await narrowings({}, patient, 'Encounter')).to.deep.include({
      parameter: 'patient',
      value: 'Patient/p1',
      exact: true,
    });
    const foreign = {
      ...patient,
      patientLaunchContext: { ...here('Patient/p1'), hostname: 'https://elsewhere.example' },
    };
    const cases: readonly (readonly [SMARTHandlerOptions, Json, string])[] = [
      [{}, identity(['patient/*.rs', 'system/*.rs'], undefined, 'Patient/p1'), 'Encounter'],
      [{}, identity(['user/*.rs'], 'Practitioner/d1'), 'Encounter'],
      [{}, identity(['user/*.rs', 'patient/*.rs'], 'RelatedPerson/r1', 'Patient/p1'), 'Encounter'],
      [{ membership: { sharedTypes: ['Encounter'] } }, patient, 'Encounter'],
      [{ adminRules: [rule] }, identity(['user/*.rs'], 'RelatedPerson/r1'), 'Patient'],
      [{}, foreign, 'Encounter'],
      [{}, identity(['patient/*.rs']), 'Encounter'],
      [{}, patient, 'NoSuchType'],
    ];
    for (const [options, who, type] of cases) expect(await narrowings(options, who, type)).to.deep.equal([]);
  });

  it('a Patient is found by its id, exactly where no link makes it somebody else’s as well', async () => {
    const who = identity(['patient/*.rs'], undefined, 'Patient/p1');
    const byId = { parameter: '_id', value: 'p1' };
    expect(await narrowings({}, who, 'Patient')).to.deep.equal([{ ...byId, exact: false }]);
    expect(await narrowings({ membership: { patientLink: false } }, who, 'Patient')).to.deep.equal([
      { ...byId, exact: true },
    ]);
  });
});
