import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import sinon from 'sinon';
import { ALL_EXAMPLES } from '../fhir/official-examples.js';
import { Issuer, secretOf } from '../http/clinic.js';
import type { Outgoing, Received } from './exchange.js';
import { Client, sendRaw } from './exchange.js';
import type { Face } from './faces.js';
import { FACES } from './faces.js';
import type { Identity } from './identities.js';
import { IDENTITIES, maySee, tokenOf } from './identities.js';
import { jsonOf, outcomeOf, resourcesIn } from './outcome.js';
import { World } from './world.js';

interface Scenario {
  readonly id: string;
  /** A key of identities.json. */
  readonly as: string;
  /** Method and path below the base, or … */
  readonly request?: string;
  /** … the lines of a request that no client would write, with places for the path of the base. */
  readonly raw?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly patch?: unknown;
  readonly form?: string;
  readonly text?: string;
  /** See outcome.ts; some words for what is worked out: `shows what is granted`, `A or B`. */
  readonly expect: string;
  /** Headers of the answer. */
  readonly header?: Readonly<Record<string, string>>;
  /** What is no longer as it was. */
  readonly writes?: readonly string[];
}

/** Where a face answers otherwise than the first: since its host knows less, or does less. */
interface Difference {
  readonly face: string;
  readonly reason: string;
  /** By the id of the scenario. */
  readonly outcomes: Readonly<Record<string, string>>;
  readonly writes?: Readonly<Record<string, readonly string[]>>;
}

const read = (file: string): unknown => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'));
const scenarios = read('scenarios.json') as readonly Scenario[];
const differences = read('differences.json') as readonly Difference[];

const MEDIA = 'application/fhir+json';

function outgoing(
  { request = '', headers = {}, body, patch, form, text }: Scenario,
  token: string | undefined,
): Outgoing {
  const at = request.indexOf(' ');
  const json = patch ?? body;
  const sent = text ?? form ?? (json === undefined ? undefined : JSON.stringify(json));
  const media =
    form !== undefined ? 'application/x-www-form-urlencoded' : patch ? 'application/json-patch+json' : MEDIA;
  return {
    method: request.slice(0, at),
    path: request.slice(at + 1),
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(sent !== undefined && { 'content-type': media }),
      ...headers,
    },
    body: sent,
  };
}

function rawText({ raw = [] }: Scenario, { prefix }: Face, token: string | undefined): string {
  const blank = raw.indexOf('');
  const head = blank === -1 ? raw : raw.slice(0, blank);
  const rest = blank === -1 ? '' : raw.slice(blank + 1).join('\r\n');
  const [line = '', ...headers] = head;
  const all = [
    line.replace('{prefix}', prefix),
    'Host: fhir.example.org',
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ...headers,
    'Connection: close',
  ];
  return `${all.join('\r\n')}\r\n\r\n${rest}`;
}

describe('the same requests through every face', () => {
  const quiet = sinon.createSandbox();
  let issuer: Issuer;
  let world: World;
  let client: Client;
  const tokens = new Map<string, string | undefined>();

  before(async function () {
    this.timeout(ALL_EXAMPLES ? 600_000 : 30_000);
    // The router of FHIR Works prints every error that it answers.
    quiet.replace(console, 'error', () => undefined);
    quiet.replace(console, 'log', () => undefined);
    issuer = await Issuer.open();
    client = new Client();
    world = await World.open();
    for (const [name, identity] of Object.entries(IDENTITIES)) tokens.set(name, await tokenOf(issuer, identity));
  });
  after(async () => {
    quiet.restore();
    client.close();
    await issuer.close();
  });

  it('has enough to look at', () => {
    expect(world.size).to.be.greaterThan(ALL_EXAMPLES ? 5000 : 200);
    expect(scenarios.length).to.be.greaterThan(200);
    const ids = scenarios.map(({ id }) => id);
    expect(new Set(ids).size).to.equal(ids.length);
    const listed = differences.flatMap(({ outcomes }) => Object.keys(outcomes));
    expect(listed.filter((id) => !ids.includes(id))).to.deep.equal([]);
    expect(differences.map(({ face }) => face).filter((face) => !(face in FACES))).to.deep.equal([]);
    expect(scenarios.map(({ as }) => as).filter((name) => !(name in IDENTITIES))).to.deep.equal([]);
  });

  for (const [name, open] of Object.entries(FACES)) {
    describe(name, () => {
      let face: Face;
      /** FHIR Works has one status for everybody whom it turns away. */
      const isWorks = name.includes('FHIR Works');

      before(async () => {
        face = await open(world, issuer, 'any');
      });
      after(() => face.close());
      afterEach(() => {
        world.restore();
      });

      for (const scenario of scenarios) {
        const other = differences.find(({ face: about, outcomes }) => about === name && scenario.id in outcomes);
        const expected = other?.outcomes[scenario.id] ?? scenario.expect;
        it(`${scenario.id} (${scenario.as}): ${expected.slice(0, 80)}`, async function () {
          this.timeout(ALL_EXAMPLES ? 60_000 : 10_000);
          const identity = IDENTITIES[scenario.as] ?? { about: '' };
          const token = tokens.get(scenario.as);
          const sent = outgoing(scenario, token);
          const received = scenario.raw
            ? await sendRaw(face, rawText(scenario, face, token))
            : await client.send(face, sent);
          const method = scenario.raw ? 'GET' : sent.method;
          expectNothingElse(identity, received);
          const outcome = outcomeOf(received, method);
          expect(meets(expected, isWorks ? turnedAway(outcome) : outcome, scenario, identity), outcome).to.equal(true);
          expect(world.changed()).to.deep.equal(other ? (other.writes?.[scenario.id] ?? []) : (scenario.writes ?? []));
          if (isWorks || other) return;
          for (const [header, value] of Object.entries(scenario.header ?? {})) {
            expect(received.headers[header]).to.equal(value.replace('{base}', face.base));
          }
          if (outcome === 'challenged') expect(received.headers['www-authenticate']).to.match(/^Bearer realm="/);
        });
      }
    });
  }

  it('what narrows is asked to', async () => {
    const open = FACES['Express that narrows and @medplum/fhir-router'];
    const face = await open?.(world, issuer);
    if (!face) throw new Error('no such face');
    const execute = sinon.spy(world.clinic, 'execute');
    try {
      const scenario = { id: '', as: 'example', request: 'GET /Encounter?_count=1000', expect: '' };
      await client.send(face, outgoing(scenario, tokens.get('example')));
      expect(execute.args.map(([method, url]) => `${method} ${url}`)).to.deep.equal([
        'GET /Encounter?_count=1000&patient=Patient%2Fexample',
      ]);
    } finally {
      execute.restore();
      await face.close();
    }
  });

  const turnedAway = (outcome: string): string => (outcome === 'challenged' ? 'refused' : outcome);

  function meets(expected: string, outcome: string, scenario: Scenario, identity: Identity): boolean {
    return expected.split(' or ').some((each) => {
      switch (each) {
        case 'shows what is granted': {
          const [, type = ''] = /\/([A-Za-z]+)/.exec(scenario.request ?? '') ?? [];
          const granted = world.pristine(type).filter((resource) => maySee(identity, resource));
          const ids = granted.map(({ id }) => `${type}/${id}`).sort();
          return outcome === `shows ${ids.join(' ') || 'nothing'}`;
        }
        case 'shows some of the own':
          return outcome.startsWith('shows ') && outcome !== 'shows nothing';
        case 'anything of the own':
          return outcome !== 'failed';
        case 'challenged':
        case 'refused':
          return outcome === each || outcome === turnedAway(each);
        default:
          return outcome === each;
      }
    });
  }

  /** Whatever the answer is: nothing in it that the grants do not open, and no count of it. */
  function expectNothingElse(identity: Identity, received: Received): void {
    const json = jsonOf(received);
    const hidden = resourcesIn(json).filter(
      (resource) => resource.resourceType !== 'CapabilityStatement' && !maySee(identity, resource),
    );
    expect(hidden.map(({ resourceType, id }) => `${resourceType}/${id}`)).to.deep.equal([]);
    const seesAll = identity.grants?.some(({ who }) => who === 'everybody');
    if (!seesAll) expect(received.text).to.not.include(secretOf('bob'));
    const { total, entry, type } = json;
    if (!seesAll && type === 'searchset' && total !== undefined) {
      expect(total).to.equal(((entry ?? []) as readonly unknown[]).length);
    }
    expect(received.status).to.be.lessThan(502);
  }
});
