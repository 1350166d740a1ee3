import { expect } from 'chai';
import fc from 'fast-check';
import sinon from 'sinon';
import { Issuer, secretOf } from '../http/clinic.js';
import { RUNS } from '../runs.js';
import type { Sent } from './any-request.js';
import { anyRequest } from './any-request.js';
import type { Outgoing, Received } from './exchange.js';
import { Client } from './exchange.js';
import type { Face } from './faces.js';
import { FACES, VARIANTS } from './faces.js';
import type { Identity } from './identities.js';
import { IDENTITIES, maySee, tokenOf } from './identities.js';
import { jsonOf, resourcesIn } from './outcome.js';
import { World } from './world.js';

/** None of them may see or change anything of Bob's. */
const CALLERS = [
  ...['alice', 'alice-final', 'alice-user', 'alice-blind-writer', 'alice-observations'],
  ...['lost-patient', 'lost-user', 'doctor-beside-alice', 'forger', 'foreign-doctor'],
];

const AT_A_TIME = 16;

/** Another one each night; FUZZ_SEED repeats one. */
const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

function outgoing(path: string, { method = 'GET', headers = {}, body }: Sent, token: string | undefined): Outgoing {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  return {
    method,
    path,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(text !== undefined && { 'content-type': 'application/fhir+json' }),
      ...headers,
    },
    body: text,
  };
}

/** Whether a search asks for a number alone, of resources of which the caller may see every one. */
function mayCount({ grants = [] }: Identity, path: string): boolean {
  const [, type, query = ''] = /^\/([A-Z][A-Za-z]*)(?:\/_search)?\?(.*)$/.exec(path) ?? [];
  if (!query.split('&').some((each) => each === '_count=0' || each === '_summary=count')) return false;
  return grants.some((grant) => grant.who === 'everybody' && grant.type === type);
}

describe(`whatever is asked (FUZZ_SEED=${seed})`, () => {
  const quiet = sinon.createSandbox();
  let issuer: Issuer;
  let world: World;
  let client: Client;
  const tokens = new Map<string, string | undefined>();

  before(async () => {
    quiet.replace(console, 'error', () => undefined);
    quiet.replace(console, 'log', () => undefined);
    issuer = await Issuer.open();
    client = new Client();
    world = await World.open({ examples: false });
    for (const name of CALLERS) tokens.set(name, await tokenOf(issuer, IDENTITIES[name] ?? { about: '' }));
  });
  after(async () => {
    quiet.restore();
    client.close();
    await issuer.close();
  });

  const faces = [
    ...Object.entries(FACES).map(([name, open]) => [name, open, name.includes('narrows') ? RUNS / 10 : RUNS] as const),
    ...Object.entries(VARIANTS).map((each) => [...each, RUNS / 10] as const),
  ];
  for (const [name, open, runs] of faces) {
    it(`${name}: shows nothing of others, changes nothing of others, and breaks nothing`, async function () {
      this.timeout(Math.max(60_000, runs * 30));
      const face = await open(world, issuer);
      const asked = fc.sample(fc.tuple(fc.constantFrom(...CALLERS), anyRequest), { numRuns: runs, seed });
      let [shown, written] = [0, 0];
      try {
        for (let at = 0; at < asked.length; at += AT_A_TIME) {
          const some = asked.slice(at, at + AT_A_TIME);
          const answers = await Promise.all(
            some.map(async ([who, [path, sent]]) => {
              const request = outgoing(path, sent, tokens.get(who));
              const received = await client.send(face, request);
              if (expectNothingOfOthers(face, IDENTITIES[who] ?? { about: '' }, received, [who, request], request.path))
                shown += 1;
              return received;
            }),
          );
          written += expectOwnChanges(some);
          expectFailures(face, answers);
        }
      } finally {
        world.restore();
        await face.close();
      }
      // The oracle has something to look at.
      if (runs >= 1000) expect(Math.min(shown, written)).to.be.greaterThan(runs / 500);
    });
  }

  /** Every body is read to its end; true if it shows what the caller may see. */
  function expectNothingOfOthers(
    face: Face,
    identity: Identity,
    received: Received,
    about: unknown,
    asked: string,
  ): boolean {
    const json = jsonOf(received);
    const shown = resourcesIn(json).filter(({ resourceType }) => resourceType !== 'CapabilityStatement');
    const where = JSON.stringify(about);
    expect(
      shown.filter((resource) => !maySee(identity, resource)),
      where,
    ).to.deep.equal([]);
    // A link of the router's repeats the query.
    if (face.prefix !== '') expect(received.text, where).to.not.include(secretOf('bob'));
    // What is counted is shown: nothing else may be told by its number, unless all that is counted may be seen.
    const isCounted = json['type'] === 'searchset' && typeof json['total'] === 'number' && face.prefix !== '';
    if (isCounted && !mayCount(identity, asked)) {
      expect(json['total'], where).to.equal(((json['entry'] ?? []) as readonly unknown[]).length);
    }
    if (!face.failures) expect(received.status, where).to.be.lessThan(500);
    return shown.length > 0;
  }

  /** What was changed or made belonged to somebody who asked, before and after. */
  function expectOwnChanges(asked: readonly (readonly [who: string, request: unknown])[]): number {
    const changed = world.changed();
    const identities = asked.map(([who]) => IDENTITIES[who] ?? { about: '' });
    for (const reference of changed) {
      for (const state of world.states(reference)) {
        const owned = identities.some((identity) => maySee(identity, state));
        expect(owned, `${reference} by one of ${JSON.stringify(asked)}`).to.equal(true);
      }
    }
    if (changed.length > 0) world.restore();
    return changed.length;
  }

  /** No answer of 5xx that the server behind did not give. */
  function expectFailures({ failures }: Face, answers: readonly Received[]): void {
    const failed = answers.filter(({ status }) => status >= 500).length;
    if (failed > 0) expect(failures?.() ?? 0).to.be.at.least(failed);
  }
});
