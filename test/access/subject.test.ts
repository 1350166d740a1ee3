import { expect } from 'chai';
import type { Subject } from '../../src/access/subject.js';
import { refersTo, subjectOf } from '../../src/access/subject.js';

const BASE = 'https://fhir.example.org/r4';
const at = (hostname: string, reference = 'Patient/p1', base = BASE): Subject => {
  const [resourceType = '', id = ''] = reference.split('/');
  const subject = subjectOf('user', { hostname, resourceType, id }, base, ['Practitioner']);
  if (subject === undefined) throw new Error(`nobody: ${hostname}`);
  return subject;
};

describe('access/subject: subjectOf', () => {
  it('is at home where the host is the base, however it is spelt, or is not named', () => {
    for (const host of [BASE, '', `${BASE}/`, `${BASE}///`, 'HTTPS://FHIR.example.org:443/r4']) {
      expect(at(host), host).to.include({ local: true, relative: 'Patient/p1' });
    }
    for (const host of ['https://other.example.org/r4', 'https://fhir.example.org', 'http://fhir.example.org/r4']) {
      expect(at(host).local, host).to.equal(false);
    }
  });

  it('has the absolute references of its own spelling and of the normal one', () => {
    const spelt = 'https://FHIR.example.org:443/r4';
    expect(at(spelt).absolute).to.deep.equal([`${spelt}/Patient/p1`, `${BASE}/Patient/p1`]);
    expect(at(`${spelt}//`).absolute).to.deep.equal([`${spelt}/Patient/p1`, `${BASE}/Patient/p1`]);
    expect(at(BASE).absolute).to.deep.equal([`${BASE}/Patient/p1`]);
    expect(at('').absolute).to.deep.equal([`${BASE}/Patient/p1`]);
  });

  it('is nobody on a host that is no base of a FHIR server', () => {
    for (const hostname of ['ftp://fhir.example.org', 'fhir.example.org', `${BASE}/../r4`, `${BASE}?x`, 'https://']) {
      const resource = { hostname, resourceType: 'Patient', id: 'p1' };
      expect(subjectOf('user', resource, BASE, []), hostname).to.equal(undefined);
    }
  });

  it('is an admin only as a user, of an admin type, at home', () => {
    const resource = { hostname: BASE, resourceType: 'Practitioner', id: 'd1' };
    const admin = (
      ...[level, whose = resource, types = ['Practitioner']]: [Subject['level'], typeof resource?, string[]?]
    ) => subjectOf(level, whose, BASE, types)?.admin;
    expect(admin('user')).to.equal(true);
    expect(admin('patient')).to.equal(false);
    expect(admin('user', { ...resource, hostname: 'https://other.example.org' })).to.equal(false);
    expect(admin('user', { ...resource, resourceType: 'Patient' })).to.equal(false);
    expect(admin('user', resource, [])).to.equal(false);
  });
});

describe('access/subject: refersTo', () => {
  const long = 'a'.repeat(64);
  const cases: readonly [reference: string, names: boolean, elsewhere?: Parameters<typeof at>][] = [
    ['Patient/p1', true],
    ['Patient/p1/_history/2', true],
    ['Patient/p1/_history/12-a.B', true],
    [`Patient/p1/_history/${long}`, true],
    [`${BASE}/Patient/p1`, true],
    [`${BASE}//Patient/p1`, true],
    [`${BASE}/Patient/p1/_history/12`, true],
    ['https://FHIR.EXAMPLE.org:443/r4/Patient/p1', true],
    ['https://FHIR.EXAMPLE.org/r4/Patient/p1/_history/3', true],
    // Others.
    ['', false],
    ['Patient/p2', false],
    ['Patient/p11', false],
    ['Patient/p', false],
    ['xPatient/p1', false],
    ['Practitioner/p1', false],
    ['https://other.example.org/r4/Patient/p1', false],
    ['https://fhir.example.org/Patient/p1', false],
    ['https://fhir.example.org/r4/tenant/Patient/p1', false],
    ['http://fhir.example.org/r4/Patient/p1', false],
    // Not what a literal reference may look like.
    ['#p1', false],
    ['#Patient/p1', false],
    ['/Patient/p1', false],
    ['./Patient/p1', false],
    ['urn:uuid:Patient/p1', false],
    ['https://fhir.example.org/r4Patient/p1', false],
    ['//fhir.example.org/r4/Patient/p1', false],
    ['HTTPS://fhir.example.org/r4/Patient/p1', false],
    ['javascript:https://fhir.example.org/r4/Patient/p1', false],
    [`${BASE}/../r4/Patient/p1`, false],
    [`${BASE}?a=/Patient/p1`, false],
    ['https://user@fhir.example.org/r4/Patient/p1', false],
    // Not what a version may look like.
    ['Patient/p1/', false],
    ['Patient/p1/_history', false],
    ['Patient/p1/_history/', false],
    ['Patient/p1/_history/2/x', false],
    ['Patient/p1/_history/2?x', false],
    ['Patient/p1/_history/a_b', false],
    [`Patient/p1/_history/${long}a`, false],
    ['Patient/p1x/_history/2', false],
    ['Patient/p1/x/_history/2', false],
    ['Patient/p1?x', false],
    ['Patient/p1#x', false],
    [`${BASE}/Patient/p1/_history/2/`, false],
    // Nothing is left of a reference as long as this when the identity is taken off its end.
    [`${BASE}/x`, false, [BASE, `Patient/${long}`]],
    // Over plain HTTP, as within a cluster.
    ['http://FHIR.local/Patient/p1', true, ['http://fhir.local', 'Patient/p1', 'http://fhir.local']],
    // Elsewhere, a relative reference is another person.
    ['Patient/p1', false, ['https://other.example.org']],
    ['Patient/p1/_history/2', false, ['https://other.example.org']],
    ['https://other.example.org/Patient/p1', true, ['https://other.example.org']],
    ['https://other.example.org/Patient/p1/_history/2', true, ['https://other.example.org']],
    [`${BASE}/Patient/p1`, false, ['https://other.example.org']],
  ];
  for (const [reference, names, elsewhere] of cases) {
    const who: Parameters<typeof at> = elsewhere ?? [BASE];
    const of = who.join(' ').slice(0, 60);
    it(`${reference.slice(0, 80) || '(empty)'} ${names ? 'names' : 'does not name'} somebody at ${of}`, () => {
      expect(refersTo(reference, at(...who))).to.equal(names);
    });
  }

  it('finds nobody in a text of any length, in time', () => {
    const far = `${'Patient/p1/'.repeat(200_000)}x`;
    expect(refersTo(far, at(BASE))).to.equal(false);
    expect(refersTo(`${BASE}/${'a/'.repeat(200_000)}Patient/p1`, at(BASE))).to.equal(false);
  });
});
