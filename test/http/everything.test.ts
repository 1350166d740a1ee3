import { expect } from 'chai';
import type { Admission, Admitted, GuardOptions } from '../../src/http/guard.js';
import { createGuard } from '../../src/http/guard.js';
import type { SMARTHandlerOptions } from '../../src/options.js';
import { BASE, Issuer } from './clinic.js';

type Json = Readonly<Record<string, unknown>>;

const ALICE = { launch_response_patient: 'Patient/alice' };
const CONDITION = { resourceType: 'Condition', id: 'c', subject: { reference: 'Patient/bob' } };

describe('operations and histories through the guard', () => {
  let issuer: Issuer;

  before(async () => {
    issuer = await Issuer.open();
  });

  after(() => issuer.close());

  interface Asked {
    readonly scope: string;
    readonly url: string;
    readonly body?: Json;
    readonly patch?: unknown;
    readonly options?: Partial<GuardOptions>;
    readonly handler?: SMARTHandlerOptions;
  }

  const ask = async ({ scope, url, body, patch, options, handler }: Asked): Promise<Admission> => {
    const guard = createGuard(issuer.handler(handler), { baseUrl: BASE, fhirVersion: '4.0.1', ...options });
    const type = patch === undefined ? 'application/fhir+json' : 'application/json-patch+json';
    const sent = patch ?? body;
    return guard.admit({
      method: patch === undefined ? (body === undefined ? 'GET' : 'POST') : 'PATCH',
      url: `/fhir${url}`,
      headers: { authorization: `Bearer ${await issuer.token(scope, ALICE)}`, 'content-type': type },
      body: () => Promise.resolve({ bytes: Buffer.from(sent === undefined ? '' : JSON.stringify(sent)) }),
    });
  };

  const admitted = async (asked: Asked): Promise<Admitted> => {
    const admission = await ask(asked);
    if (admission.verdict !== 'admitted') throw new Error(`${asked.url} was not admitted`);
    return admission;
  };

  const refused = async (asked: Asked): Promise<unknown> => {
    const admission = await ask(asked);
    if (admission.verdict !== 'refused') throw new Error(`${asked.url} was admitted`);
    return admission.answer;
  };

  /** What comes through of a page of results. */
  const shown = async (
    asked: Asked,
    resources: readonly Json[],
  ): Promise<{ readonly total?: number; readonly links: readonly string[]; readonly ids: readonly unknown[] }> => {
    const { judgeResponse } = await admitted(asked);
    const link = ['self', 'next'].map((relation) => ({ relation, url: `https://x/?${relation}` }));
    const entry = resources.map((resource) => ({ resource }));
    const found = { resourceType: 'Bundle', type: 'searchset', total: 31234, link, entry };
    const headers = { 'content-type': 'application/fhir+json' };
    const { body } = await judgeResponse({ status: 200, headers, body: JSON.stringify(found) });
    const {
      total,
      link: links = [],
      entry: entries = [],
    } = JSON.parse(String(body)) as {
      readonly total?: number;
      readonly link?: readonly { readonly relation: string }[];
      readonly entry?: readonly { readonly resource: Json }[];
    };
    const ids = entries.map(({ resource }) => resource['id']);
    return { ...(total !== undefined && { total }), links: links.map(({ relation }) => relation), ids };
  };

  it('hole-13: tell no count of what $everything would gather, but to who may see everything', async () => {
    const url = '/Patient/$everything?_type=Condition&_count=0';
    expect(await shown({ scope: 'patient/Patient.rs', url }, [])).to.deep.equal({ links: ['self'], ids: [] });
    expect(await shown({ scope: 'system/Patient.rs', url }, [])).to.deep.equal({ links: ['self'], ids: [] });
    const all = { total: 31234, links: ['self', 'next'], ids: [] };
    expect(await shown({ scope: 'system/*.rs', url }, [])).to.deep.equal(all);
  });

  it('hole-13: do not tell by its type what an operation on it found of others', async () => {
    const url = '/Patient/$everything?_type=Condition&_count=1';
    expect(await shown({ scope: 'system/Patient.rs', url }, [CONDITION])).to.deep.equal({ links: ['self'], ids: [] });
    const all = { total: 31234, links: ['self', 'next'], ids: ['c'] };
    expect(await shown({ scope: 'system/*.rs', url }, [CONDITION])).to.deep.equal(all);
  });

  it('lead to the next page of $everything whom every type is granted, and nobody else', async () => {
    const url = '/Patient/alice/$everything?_count=1';
    const alice = { resourceType: 'Patient', id: 'alice' };
    expect((await shown({ scope: 'patient/*.rs', url }, [alice])).links).to.deep.equal(['self', 'next']);
    expect((await shown({ scope: 'patient/*.rs', url }, [CONDITION])).links).to.deep.equal(['self']);
    expect((await shown({ scope: 'patient/Patient.rs', url }, [alice])).links).to.deep.equal(['self']);
    expect((await shown({ scope: 'patient/*.rs?_id=alice patient/Patient.rs', url }, [alice])).links).to.deep.equal([
      'self',
    ]);
    const options = { paging: 'any' } as const;
    expect((await shown({ scope: 'patient/Patient.rs', url, options }, [alice])).links).to.deep.equal(['self', 'next']);
  });

  it('show of $everything what is there for what may be seen', async () => {
    const handler = { membership: { sharedTypes: ['Practitioner', 'Organization'] } };
    const asked = { scope: 'patient/Patient.rs patient/Practitioner.rs patient/Organization.rs', handler };
    const url = '/Patient/alice/$everything';
    const to = (reference: string): Json => ({ reference });
    const alice = { resourceType: 'Patient', id: 'alice', generalPractitioner: [to('Practitioner/gp')] };
    const encounter = {
      resourceType: 'Encounter',
      id: 'e',
      subject: to('Patient/alice'),
      participant: [{ individual: to('Practitioner/oncologist') }],
    };
    const practitioner = (id: string): Json => ({ resourceType: 'Practitioner', id });
    const gathered = [alice, encounter, practitioner('oncologist'), practitioner('gp')];
    expect((await shown({ ...asked, url }, gathered)).ids).to.deep.equal(['alice', 'gp']);
    expect((await shown({ ...asked, url: '/Patient/$everything' }, gathered)).ids).to.deep.equal(['alice', 'gp']);
    // On a page without the patient.
    const whole = { ...asked, url, scope: 'patient/*.rs' };
    const rest = [encounter, practitioner('oncologist'), practitioner('gp'), CONDITION];
    expect((await shown(whole, rest)).ids).to.deep.equal(['e', 'oncologist']);
    expect((await shown({ ...whole, url: '/Patient/$everything' }, rest)).ids).to.deep.equal(['e', 'oncologist']);
    expect((await shown(whole, gathered)).ids).to.deep.equal(['alice', 'e', 'oncologist', 'gp']);
    // Of somebody else's encounter there is nothing, not even where nothing else is hidden.
    const others = { ...encounter, subject: to('Patient/bob') };
    expect((await shown(whole, [alice, others, practitioner('oncologist')])).ids).to.deep.equal(['alice']);
  });

  it('show nothing that a hidden entry brought, though it is asked for, or paged, so that nothing is hidden', async () => {
    const practitioner = { resourceType: 'Practitioner', id: 'oncologist' };
    const handler = { membership: { sharedTypes: ['Practitioner'] } };
    const shared = 'patient/Patient.rs patient/Practitioner.rs';
    for (const [scope, url] of [
      ['patient/*.rs', '/Patient/bob/$everything?_type=Practitioner'],
      ['patient/*.rs', '/Patient/$everything?_type=Practitioner'],
      [shared, '/Patient/alice/$everything?_type=Practitioner'],
      [shared, '/Patient/alice/$everything?_count=1&_offset=1'],
      ['patient/*.rs patient/Encounter.rs?class=AMB', '/Patient/alice/$everything?_type=Practitioner'],
    ] as const) {
      expect(await shown({ scope, url, handler }, [practitioner]), url).to.deep.equal({ links: ['self'], ids: [] });
    }
    const url = '/Patient/alice/$everything?_type=Practitioner';
    expect((await shown({ scope: 'patient/*.rs', url, handler }, [practitioner])).ids).to.deep.equal(['oncologist']);
    const { judgeResponse } = await admitted({ scope: shared, url, handler });
    const found = { resourceType: 'Bundle', type: 'searchset', total: 1, entry: [{ resource: practitioner }] };
    const headers = { 'content-type': 'application/fhir+json' };
    const { body } = await judgeResponse({ status: 200, headers, body: JSON.stringify(found) });
    expect(JSON.parse(String(body))).to.not.have.property('total');
  });

  it('tell of no next page whom they are not called on', async () => {
    const own = { resourceType: 'Condition', id: 'own', subject: { reference: 'Patient/alice' } };
    for (const url of ['/Patient/$everything?_type=Condition&_count=1', '/Patient/bob/$everything?_count=1']) {
      expect(await shown({ scope: 'patient/*.rs', url }, [own])).to.deep.equal({ links: ['self'], ids: ['own'] });
      expect(await shown({ scope: 'patient/*.rs', url }, [])).to.deep.equal({ links: ['self'], ids: [] });
    }
    const sorted = '/$everything?_sort=date&_lastUpdated=gt2020-01-01';
    expect(await refused({ scope: 'patient/*.rs', url: `/Patient/bob${sorted}` })).to.have.property('status', 400);
    expect((await admitted({ scope: 'patient/*.rs', url: `/Patient/alice${sorted}` })).execute.url).to.contain(
      '_sort=date',
    );
  });

  it('show what refers to the patients of a group, what replaced a record, and where it all comes from', async () => {
    const to = (reference: string): Json => ({ reference });
    const group = { resourceType: 'Group', id: 'g', member: [{ entity: to('Patient/m') }] };
    const member = { resourceType: 'Patient', id: 'm', link: [{ other: to('Patient/old') }] };
    const observation = { resourceType: 'Observation', id: 'o', subject: to('Patient/m') };
    const old = { resourceType: 'Observation', id: 'old', subject: to('Patient/old') };
    const provenance = { resourceType: 'Provenance', id: 'p', target: [to('Observation/o')] };
    const found = [group, member, observation, old, provenance, { ...CONDITION, subject: to('Patient/m') }];
    const scope = ['Group', 'Patient', 'Observation', 'Provenance'].map((type) => `system/${type}.rs`).join(' ');
    const ids = ['g', 'm', 'o', 'old', 'p'];
    expect((await shown({ scope, url: '/Group/g/$everything' }, found)).ids).to.deep.equal(ids);
    expect((await shown({ scope, url: '/Patient/m/$everything' }, found)).ids).to.deep.equal(ids);
  });

  it('hole-13: tell no count of a history either', async () => {
    const url = '/Observation/_history?_count=0&_since=2026-01-01T00:00:00Z';
    const options = { paging: 'any' } as const;
    expect((await shown({ scope: 'patient/Observation.rs', url, options }, [])).total).to.equal(undefined);
    expect((await shown({ scope: 'system/Observation.rs', url, options }, [])).total).to.equal(31234);
  });

  for (const parameter of ['_id=bob', '_content=HIV', 'name=Bob', '_has:Observation:patient:code=x', '_Count=0']) {
    it(`hand on what belongs to $everything, and not ${parameter}`, async () => {
      const url = `/Patient/$everything?${parameter}`;
      expect(await refused({ scope: 'patient/*.rs', url })).to.have.property('status', 400);
      expect((await admitted({ scope: 'system/*.rs', url })).execute.url).to.contain('$everything?');
      const [name = '', valueString = ''] = parameter.split('=');
      const body = { resourceType: 'Parameters', parameter: [{ name, valueString }] };
      const posted = { url: '/Patient/$everything', body };
      expect(await refused({ scope: 'patient/*.cruds', ...posted })).to.have.property('status', 400);
      expect((await admitted({ scope: 'system/*.cruds', ...posted })).execute.body).to.deep.equal({ json: body });
    });
  }

  it('take no other body for $everything than Parameters', async () => {
    for (const body of [
      { resourceType: 'Bundle', type: 'batch' },
      { parameter: [] },
      { resourceType: 'Parameters', parameter: {} },
    ]) {
      const asked = { scope: 'patient/*.cruds', url: '/Patient/alice/$everything', body };
      expect(await refused(asked), JSON.stringify(body)).to.have.property('status', 400);
    }
  });

  it('leave no elements out, in the URL or in the body: a rule may judge by what is not there', async () => {
    const scope = 'system/*.cruds';
    for (const name of ['_elements', '_elements:exclude', '_summary', '_Elements']) {
      const { execute } = await admitted({ scope, url: `/Patient/alice/$everything?start=2020-01-01&${name}=*.meta` });
      expect(execute.url, name).to.equal('/fhir/Patient/alice/$everything?start=2020-01-01');
    }
    const start = { name: 'start', valueDate: '2020-01-01' };
    const body = { resourceType: 'Parameters', parameter: [start, { name: '_elements', valueString: 'id' }] };
    const { execute } = await admitted({ scope, url: '/Patient/alice/$everything', body });
    expect(execute.body).to.deep.equal({ json: { resourceType: 'Parameters', parameter: [start] } });
  });

  it('judge the instance by the lookup of the handler, where the guard has none', async () => {
    const lookup = (_type: string, id: string): Json | undefined =>
      id === 'alice' || id === 'bob' ? { resourceType: 'Patient', id } : undefined;
    const handler = { lookup };
    const url = (id: string): string => `/Patient/${id}/$everything`;
    expect((await ask({ scope: 'patient/*.rs', url: url('alice'), handler })).verdict).to.equal('admitted');
    for (const hideForbidden of [true, false]) {
      const options = { hideForbidden };
      const bob = await refused({ scope: 'patient/*.rs', url: url('bob'), handler, options });
      const nobody = await refused({ scope: 'patient/*.rs', url: url('nobody'), handler, options });
      expect(bob).to.deep.equal(nobody);
      expect(bob).to.have.property('status', hideForbidden ? 404 : 403);
    }
  });

  it('hole-40: tell nobody without a scope for the type what a test of a patch finds, or whether it is there', async () => {
    const secret = { resourceType: 'Observation', id: 'o', valueString: 'HIV', subject: { reference: 'Patient/bob' } };
    const lookup = (_type: string, id: string): Json | undefined => (id === 'o' ? secret : undefined);
    const test = (value: string): unknown => [{ op: 'test', path: '/valueString', value }];
    for (const options of [{ lookup }, { lookup, hideForbidden: true }]) {
      // A scope for another type, and one for the type that is not for this resource.
      for (const scope of ['patient/Patient.rs', 'patient/Observation.cruds']) {
        const answers = [
          await refused({ scope, url: '/Observation/o', patch: test('HIV'), options }),
          await refused({ scope, url: '/Observation/o', patch: test('flu'), options }),
          await refused({ scope, url: '/Observation/o', patch: [{ op: 'remove', path: '/nowhere' }], options }),
        ];
        expect(answers[1]).to.deep.equal(answers[0]);
        expect(answers[2]).to.deep.equal(answers[0]);
        if (scope === 'patient/Patient.rs') {
          const absent = await refused({ scope, url: '/Observation/absent', patch: test('HIV'), options });
          expect(absent).to.deep.equal(answers[0]);
          const operation = await refused({ scope, url: '/Observation/o/$everything', options });
          expect(await refused({ scope, url: '/Observation/absent/$everything', options })).to.deep.equal(operation);
        }
      }
    }
  });
});
