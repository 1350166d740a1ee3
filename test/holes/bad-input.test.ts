import fc from 'fast-check';
import { expect } from 'chai';
import cloneDeep from 'lodash/cloneDeep.js';
import set from 'lodash/set.js';
import type { SMARTHandler } from '../../src/index.js';
import { HOSTILE, anyValue } from './hostile-values.js';
import type { Person } from './clinic.js';
import {
  ALICE,
  BASE,
  BOB,
  DOCTOR,
  RELATIVE,
  admit,
  expectUnauthorized,
  match,
  observationOf,
  open,
  tokenOf,
  withIssuer,
} from './clinic.js';

const PEOPLE: Readonly<Record<string, Person>> = {
  'a patient': { scopes: 'patient/*.* launch/patient', patient: 'alice' },
  'a user': { scopes: 'user/*.* openid', fhirUser: RELATIVE },
  'an admin': { scopes: 'user/*.*', fhirUser: DOCTOR },
  'a system': { scopes: 'system/*.*' },
};

const IDENTITY_PATHS = [
  'userIdentity',
  'userIdentity.scopes',
  'userIdentity.scopes[0]',
  'userIdentity.usableScopes',
  'userIdentity.usableScopes[0]',
  'userIdentity.fhirUserObject',
  'userIdentity.fhirUserObject.hostname',
  'userIdentity.fhirUserObject.resourceType',
  'userIdentity.fhirUserObject.id',
  'userIdentity.patientLaunchContext',
  'userIdentity.patientLaunchContext.hostname',
  'userIdentity.patientLaunchContext.id',
  'userIdentity.sub',
  'userIdentity.iss',
  'fhirServiceBaseUrl',
  'requestContext',
];

const RESOURCE_PATHS = [
  '',
  '.resourceType',
  '.id',
  '.subject',
  '.subject.reference',
  '.performer',
  '.performer[0]',
  '.contained',
  '.note',
  '.meta',
];

const RESOURCE = { ...observationOf(BOB, 'o'), performer: [{ reference: BOB }], meta: { versionId: '1' } };

/** A request that is refused, or answered with nothing of Bob's, and the places where something hostile can stand. */
interface Call {
  readonly request: (identity: Record<string, unknown>) => Record<string, unknown>;
  readonly paths: readonly string[];
  /** Who calls, where it makes a difference. Default: one who is judged by the resource, and one who is not. */
  readonly people?: readonly string[];
  /** It answers a denial by its value: it must not throw at all. */
  readonly neverThrows?: boolean;
}

const about = { operation: 'read', resourceType: 'Observation', id: 'o', vid: '1' };
const decision: Call = {
  request: (userIdentity) => ({ ...about, userIdentity, resource: RESOURCE, fhirServiceBaseUrl: BASE }),
  paths: [
    ...IDENTITY_PATHS,
    ...RESOURCE_PATHS.map((path) => `resource${path}`),
    'operation',
    'resourceType',
    'id',
    'vid',
    'accessToken',
    'storedResource',
    'patch',
    'conditional',
    'query',
    'bulkDataAuth',
    'bulkDataAuth.operation',
    'bulkDataAuth.exportType',
  ],
  neverThrows: true,
};

const CALLS: Readonly<Record<string, Call>> = {
  verifyAccessToken: {
    people: ['a patient'],
    request: () => ({
      ...about,
      accessToken: tokenOf({ scopes: 'patient/Condition.read', patient: 'alice' }),
      fhirServiceBaseUrl: BASE,
    }),
    paths: [
      'operation',
      'resourceType',
      'id',
      'vid',
      'accessToken',
      'fhirServiceBaseUrl',
      'requestContext',
      'bulkDataAuth',
      'bulkDataAuth.operation',
      'bulkDataAuth.exportType',
    ],
  },
  authorizeAndFilterReadResponse: {
    request: (userIdentity) => ({ operation: 'read', userIdentity, readResponse: RESOURCE, fhirServiceBaseUrl: BASE }),
    paths: [...IDENTITY_PATHS, 'operation', ...RESOURCE_PATHS.map((path) => `readResponse${path}`)],
  },
  'authorizeAndFilterReadResponse (Bundle)': {
    request: (userIdentity) => ({
      operation: 'search-type',
      userIdentity,
      readResponse: {
        resourceType: 'Bundle',
        type: 'searchset',
        total: 1,
        link: [{ relation: 'next' }],
        entry: [match(RESOURCE), match(null)],
      },
      fhirServiceBaseUrl: BASE,
    }),
    paths: [
      ...IDENTITY_PATHS,
      'operation',
      'readResponse',
      'readResponse.resourceType',
      'readResponse.total',
      'readResponse.link',
      'readResponse.link[0]',
      'readResponse.link[0].relation',
      'readResponse.entry',
      'readResponse.entry[1]',
      'readResponse.entry[1].search',
      'readResponse.entry[1].search.mode',
      'readResponse.entry[1].request',
      'readResponse.entry[1].request.url',
      ...RESOURCE_PATHS.map((path) => `readResponse.entry[1].resource${path}`),
    ],
  },
  'authorizeAndFilterReadResponse (history)': {
    request: (userIdentity) => ({
      operation: 'history-system',
      userIdentity,
      readResponse: {
        resourceType: 'Bundle',
        type: 'history',
        entry: [{ request: { method: 'DELETE', url: 'Patient/bob' } }],
      },
      fhirServiceBaseUrl: BASE,
    }),
    paths: [
      'readResponse.entry[0].request',
      'readResponse.entry[0].request.method',
      'readResponse.entry[0].request.url',
      'readResponse.entry[0].resource',
    ],
  },
  isWriteRequestAuthorized: {
    request: (userIdentity) => ({
      operation: 'update',
      userIdentity,
      resourceBody: RESOURCE,
      fhirServiceBaseUrl: BASE,
    }),
    paths: [...IDENTITY_PATHS, 'operation', ...RESOURCE_PATHS.map((path) => `resourceBody${path}`)],
  },
  isBundleRequestAuthorized: {
    request: (userIdentity) => ({
      userIdentity,
      requests: [{ operation: 'create', resourceType: 'Observation', id: 'o', resource: RESOURCE }],
      fhirServiceBaseUrl: BASE,
    }),
    paths: [
      ...IDENTITY_PATHS,
      'requests',
      'requests[0]',
      'requests[0].operation',
      'requests[0].resourceType',
      'requests[0].id',
      'requests[0].fullUrl',
      'requests[0].references',
      ...RESOURCE_PATHS.map((path) => `requests[0].resource${path}`),
    ],
  },
  isAccessBulkDataJobAllowed: {
    request: (userIdentity) => ({ userIdentity, jobOwnerId: 'somebody' }),
    paths: [...IDENTITY_PATHS, 'jobOwnerId'],
  },
  getAllowedResourceTypesForOperation: {
    request: (userIdentity) => ({ userIdentity, operation: 'read' }),
    paths: [...IDENTITY_PATHS, 'operation'],
  },
  getSearchFilterBasedOnIdentity: {
    request: (userIdentity) => ({
      userIdentity,
      operation: 'search-type',
      resourceType: 'Observation',
      fhirServiceBaseUrl: BASE,
    }),
    paths: [...IDENTITY_PATHS, 'operation', 'resourceType', 'id'],
  },
  isAuthorized: decision,
  decide: decision,
  explain: decision,
  authorizeSearch: {
    ...decision,
    request: (userIdentity) => ({
      ...about,
      operation: 'search-type',
      userIdentity,
      query: 'subject=Patient/bob',
      fhirServiceBaseUrl: BASE,
    }),
    paths: [...decision.paths, 'query[0]', 'query[0][0]', 'query[0][1]'],
  },
};

type Methods = Readonly<Record<string, (request: unknown) => Promise<unknown>>>;

describe('holes: bad input anywhere', () => {
  withIssuer();
  const unhandled: unknown[] = [];
  const note = (reason: unknown): number => unhandled.push(reason);
  let handler: SMARTHandler;
  const identities = new Map<string, Record<string, unknown>>();

  before(async () => {
    process.on('unhandledRejection', note);
    process.on('uncaughtException', note);
    handler = open();
    for (const [name, person] of Object.entries(PEOPLE)) {
      identities.set(name, await admit(handler, person, { operation: 'read', resourceType: 'Observation' }));
    }
  });
  after(() => {
    process.off('unhandledRejection', note);
    process.off('uncaughtException', note);
  });
  afterEach(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).to.deep.equal([]);
  });

  /** Calls, and answers what came of it; whatever is thrown must be what FHIR Works hosts answer with 401. */
  async function outcomeOf(name: string, request: unknown): Promise<{ value: unknown } | 'refused'> {
    const [method = ''] = name.split(' ');
    try {
      return { value: await (handler as unknown as Methods)[method]!(request) };
    } catch (error) {
      expectUnauthorized(error);
      expect(CALLS[name]?.neverThrows, `${name} answers by its value`).not.to.equal(true);
      return 'refused';
    }
  }

  function requestWith(name: string, person: string, path: string, value: unknown): Record<string, unknown> {
    const { request } = CALLS[name]!;
    const built = cloneDeep(request(identities.get(person)!));
    // Where the path leads through what the request does not have, it is made on the way.
    return set<Record<string, unknown>>(built, path, value);
  }

  for (const [name, { paths, people = ['a patient', 'an admin'] }] of Object.entries(CALLS)) {
    it(`${name}: an answer or an UnauthorizedError for every hostile value in every place`, async function () {
      this.timeout(60_000);
      for (const person of people) {
        for (const path of paths) {
          for (const [what, make] of Object.entries(HOSTILE)) {
            const begun = performance.now();
            try {
              await outcomeOf(name, requestWith(name, person, path, make()));
            } catch (error) {
              throw new Error(`${name}, ${person}, ${path} = ${what}`, { cause: error });
            }
            expect(performance.now() - begun, `${person}, ${path} = ${what}`).to.be.below(2_000);
          }
        }
      }
    });

    it(`${name}: the same for hostile requests as a whole`, async () => {
      for (const [what, make] of Object.entries(HOSTILE)) {
        try {
          await outcomeOf(name, make());
        } catch (error) {
          throw new Error(`${name} of ${what}`, { cause: error });
        }
      }
    });

    it(`${name}: the same for anything else`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...Object.keys(PEOPLE)),
          fc.constantFrom(...paths),
          anyValue,
          async (person, path, value) => {
            await outcomeOf(name, requestWith(name, person, path, value()));
          },
        ),
        { numRuns: 150 },
      );
    });
  }

  describe('never more than without it', () => {
    const strangers = ['a patient', 'a user'];
    /** Where a hostile value stands in for what the host says, not for what is judged. */
    const places = [
      ...IDENTITY_PATHS,
      'operation',
      'resourceType',
      'id',
      'vid',
      'requests[0].id',
      'requests[0].fullUrl',
      'requests[0].references',
    ];

    for (const name of [
      'authorizeAndFilterReadResponse',
      'authorizeAndFilterReadResponse (Bundle)',
      'authorizeAndFilterReadResponse (history)',
      'isWriteRequestAuthorized',
      'isBundleRequestAuthorized',
      'isAccessBulkDataJobAllowed',
      'decide',
      'isAuthorized',
    ]) {
      it(`${name}: nothing of Bob’s, whatever stands beside it`, async function () {
        this.timeout(60_000);
        for (const person of strangers) {
          for (const path of CALLS[name]!.paths.filter((each) => places.includes(each))) {
            for (const [what, make] of Object.entries(HOSTILE)) {
              const outcome = await outcomeOf(name, requestWith(name, person, path, make()));
              if (outcome === 'refused') continue;
              expect(opened(outcome.value), `${person}, ${path} = ${what}`).to.equal(false);
            }
          }
        }
      });
    }

    /** Whether a result of any of these methods opened something. */
    function opened(value: unknown): boolean {
      if (typeof value === 'boolean') return value;
      if (typeof value !== 'object' || value === null) return true;
      if ('decision' in value) return value.decision !== 'deny';
      const { entry } = value as { readonly entry?: readonly unknown[] };
      return entry === undefined || entry.length > 0;
    }
  });

  it('no argument is changed, whatever it is and whatever comes of it', async () => {
    const resource = fc
      .jsonValue({ maxDepth: 4 })
      .map((value) => ({ ...observationOf(ALICE, 'o'), note: value, extension: value }));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(CALLS)),
        fc.constantFrom(...Object.keys(PEOPLE)),
        resource,
        fc.jsonValue({ maxDepth: 3 }),
        fc.nat(),
        async (name, person, body, value, at) => {
          const { paths } = CALLS[name]!;
          const request = requestWith(name, person, paths[at % paths.length]!, value);
          for (const member of ['resource', 'resourceBody', 'readResponse', 'storedResource']) {
            if (member in request && at % 2 === 0) request[member] = body;
          }
          const before = cloneDeep(request);
          await outcomeOf(name, request);
          expect(request).to.deep.equal(before);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('a frozen argument is as good as any', async () => {
    const deepFreeze = (value: unknown): unknown => {
      if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
      return value;
    };
    for (const name of Object.keys(CALLS)) {
      for (const person of Object.keys(PEOPLE)) {
        const { request } = CALLS[name]!;
        const made = () => request(cloneDeep(identities.get(person)!));
        const free = await outcomeOf(name, made());
        const frozen = await outcomeOf(name, deepFreeze(made()));
        expect(frozen === 'refused', `${name}, ${person}`).to.equal(free === 'refused');
      }
    }
  });
});
