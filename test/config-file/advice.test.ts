import { expect } from 'chai';
import merge from 'lodash/merge.js';
import type { Advice } from '../../src/config-file/advice/advice.js';
import { advise } from '../../src/config-file/advice/advise.js';
import { readConfig } from '../../src/config-file/read.js';
import { smallest } from './settings.js';

/** A file that nothing is to be said about but notes. */
function sound(): Record<string, unknown> {
  return merge(smallest(), {
    token: { acceptedTypes: ['at+jwt'] },
    access: { adminAccessTypes: [], writesWithoutLookup: 'deny' },
  });
}

function adviceOn(change: object, scopes?: readonly string[], base: object = sound()): readonly Advice[] {
  const raw: unknown = merge(base, change);
  return advise({ settings: readConfig(raw, { env: { SECRET: 'x' } }), raw, scopes });
}

/** `level code key` */
function linesOn(change: object, scopes?: readonly string[]): string[] {
  return adviceOn(change, scopes).map(({ level, code, key }) => `${level} ${code} ${key}`);
}

const audience = (expectedAudValue: unknown): object => ({ smart: { expectedAudValue } });
const FULL = ['read', 'vread', 'search-type', 'history-type', 'history-instance', 'search-system', 'history-system'];

/** What is changed in a sound file, and what is said then. */
const CASES: readonly (readonly [title: string, change: object, said: readonly string[]])[] = [
  ['nothing', {}, []],
  ['an anchored audience', audience({ pattern: '^https://fhir\\.example\\.org$' }), []],
  ['anchored alternatives', audience({ pattern: '^https://a\\.example$|^https://b\\.example$' }), []],
  ['alternatives in a group', audience({ pattern: '^https://(?:a|b)\\.example$' }), []],
  ['a bar in a class', audience({ pattern: '^https://[a|b]\\.example$' }), []],
  [
    'no anchors',
    audience({ pattern: 'https://fhir\\.example\\.org' }),
    ['danger audience-unanchored smart.expectedAudValue'],
  ],
  [
    'no end',
    audience({ pattern: '^https://fhir\\.example\\.org' }),
    ['danger audience-unanchored smart.expectedAudValue'],
  ],
  [
    'an escaped dollar',
    audience({ pattern: '^https://fhir\\.example\\.org\\$' }),
    ['danger audience-unanchored smart.expectedAudValue'],
  ],
  [
    'one alternative open',
    audience({ pattern: '^https://a\\.example$|b' }),
    ['danger audience-unanchored smart.expectedAudValue'],
  ],
  [
    'anchors of lines',
    audience({ pattern: '^https://a\\.example$', flags: 'm' }),
    ['danger audience-unanchored smart.expectedAudValue'],
  ],
  [
    'an open dot',
    audience({ pattern: '^https://fhir.example\\.org$' }),
    ['warning audience-dot smart.expectedAudValue'],
  ],
  ['anything', audience({ pattern: '^https://.*\\.org$' }), ['danger audience-wildcard smart.expectedAudValue']],
  [
    'several audiences',
    audience(['https://fhir.example.org', 'https://x']),
    ['note audience-several smart.expectedAudValue'],
  ],
  ['another audience', audience('https://other.example'), ['note audience-not-base-url smart.expectedAudValue']],
  [
    'a vouching server, with its secret in the file',
    {
      smart: {
        tokenIntrospection: {
          clientId: 'a',
          clientSecret: 'b',
          introspectUrl: 'https://idp.example.org/i',
          vouchesForAudience: true,
        },
      },
    },
    [
      'warning audience-vouched smart.tokenIntrospection.vouchesForAudience',
      'warning secret-in-file smart.tokenIntrospection.clientSecret',
    ],
  ],
  [
    'a secret in the environment',
    { smart: { tokenIntrospection: { clientId: 'a', clientSecret: { env: 'SECRET' }, introspectUrl: 'https://x/i' } } },
    [],
  ],
  [
    'introspection over http',
    { smart: { tokenIntrospection: { clientId: 'a', clientSecret: { env: 'SECRET' }, introspectUrl: 'http://x/i' } } },
    ['danger endpoint-http smart.tokenIntrospection.introspectUrl'],
  ],
  [
    'keys over http',
    { smart: { jwksEndpoint: 'http://idp.example.org/jwks' } },
    ['danger endpoint-http smart.jwksEndpoint'],
  ],
  ['keys of this machine', { smart: { jwksEndpoint: 'http://localhost:1/jwks' } }, []],
  [
    'an issuer of http',
    { smart: { expectedIssValue: 'http://idp.example.org' } },
    ['warning endpoint-http smart.expectedIssValue'],
  ],
  [
    'a server of http',
    { baseUrl: 'http://fhir.example.org', smart: { expectedAudValue: 'http://fhir.example.org' } },
    ['warning endpoint-http baseUrl'],
  ],
  [
    'patients as admins',
    { access: { adminAccessTypes: ['Patient'] } },
    ['danger admin-patient access.adminAccessTypes'],
  ],
  [
    'organisations as admins',
    { access: { adminAccessTypes: ['Organization'] } },
    ['warning admin-type-unknown access.adminAccessTypes'],
  ],
  [
    'practitioners as admins',
    { access: { adminAccessTypes: ['Practitioner'] }, smart: { scopeRule: { user: { read: ['read'], write: [] } } } },
    ['note admin-wide access.adminAccessTypes'],
  ],
  [
    'practitioners bound by a rule',
    {
      access: {
        adminAccessTypes: ['Practitioner'],
        adminRules: [
          { userTypes: ['Practitioner'], resourceType: 'Patient', path: 'managingOrganization', claim: 'orgs' },
        ],
      },
      smart: { scopeRule: { user: { read: ['read'], write: [] } } },
    },
    [],
  ],
  [
    'exports of users',
    {
      access: { isUserScopeAllowedForSystemExport: true, bulkDataAccessTypes: ['Person'] },
      smart: { scopeRule: { user: { read: ['read'], write: [] } } },
    },
    [
      'danger admin-patient access.bulkDataAccessTypes',
      'warning export-by-users access.isUserScopeAllowedForSystemExport',
    ],
  ],
  [
    'a profile that users edit',
    { smart: { fhirUserClaimPath: 'profile' } },
    ['warning claim-editable smart.fhirUserClaimPath'],
  ],
  [
    'a profile that makes admins',
    { smart: { fhirUserClaimPath: 'user_metadata.fhirUser' }, access: { adminAccessTypes: ['Practitioner'] } },
    ['danger claim-editable smart.fhirUserClaimPath'],
  ],
  ['a claim below a URL', { smart: { fhirUserClaimPath: 'https://idp.example.org/fhirUser' } }, []],
  [
    'a rule for what is not there',
    {
      access: {
        adminRules: [
          { userTypes: ['Practitioner'], resourceType: 'Pateint', path: 'managingOrganization', claim: 'orgs' },
          { userTypes: ['Doctor'], resourceType: 'Patient', path: 'managingOrganisation', claim: 'orgs' },
        ],
      },
      smart: { scopeRule: { user: { read: ['read'], write: [] } } },
    },
    [
      'warning rule-unreachable access.adminRules[0].resourceType',
      'warning rule-unreachable access.adminRules[1].userTypes',
      'warning rule-unreachable access.adminRules[1].path',
    ],
  ],
  [
    'rules without user scopes',
    {
      access: {
        adminRules: [{ userTypes: ['Person'], resourceType: 'Patient', path: 'managingOrganization', claim: 'o' }],
      },
    },
    ['warning rule-unreachable access.adminRules'],
  ],
  [
    'a prefix cut short',
    { smart: { launchContextPathPrefix: 'launch' } },
    ['note launch-prefix smart.launchContextPathPrefix'],
  ],
  [
    'reading that writes',
    { smart: { scopeRule: { patient: { read: ['read', 'create'] } } } },
    ['danger rule-read-writes smart.scopeRule.patient.read'],
  ],
  [
    'writing that reads',
    { smart: { scopeRule: { system: { write: ['create', 'read'] } } } },
    ['warning rule-write-reads smart.scopeRule.system.write'],
  ],
  [
    'writes without a lookup',
    { access: { writesWithoutLookup: 'allow' }, smart: { scopeRule: { patient: { write: ['update', 'delete'] } } } },
    ['warning lookup-missing access.writesWithoutLookup', 'note rule-deletes smart.scopeRule.patient.write'],
  ],
  [
    'the same with a gateway',
    {
      access: { writesWithoutLookup: 'allow' },
      smart: { scopeRule: { patient: { write: ['update'] } } },
      gateway: { upstream: 'http://127.0.0.1:1/fhir' },
    },
    [],
  ],
  [
    'Patients for everybody',
    { access: { membership: { sharedTypes: ['Patient'] } } },
    ['danger shared-personal access.membership.sharedTypes'],
  ],
  [
    'a type that is none',
    { access: { membership: { sharedTypes: ['Wards'] } } },
    ['warning type-unknown access.membership.sharedTypes'],
  ],
  ['shared locations', { access: { membership: { sharedTypes: ['Location'] } } }, []],
  [
    'late revocation',
    {
      token: {
        introspection: { cacheMaxAgeMs: 3_600_000 },
        jwks: { maxAgeMs: 86_400_000 },
        clockToleranceSeconds: 300,
      },
    },
    [
      'warning revocation-late token.introspection.cacheMaxAgeMs',
      'warning rule-unreachable token.introspection',
      'warning revocation-late token.jwks.maxAgeMs',
      'note clock-tolerance token.clockToleranceSeconds',
    ],
  ],
  [
    'a gateway in front of itself, that tells too much',
    {
      gateway: {
        upstream: 'https://fhir.example.org/',
        explain: true,
        corsOrigins: '*',
        forwardAuthorization: true,
        redis: { url: 'redis://redis:6379' },
        upstreamHeaders: { authorization: 'Basic x' },
      },
    },
    [
      'warning endpoint-http gateway.redis.url',
      'warning secret-in-file gateway.upstreamHeaders.authorization',
      'warning gateway-loop gateway.upstream',
      'warning gateway-explains gateway.explain',
      'warning cors-any gateway.corsOrigins',
      'note token-forwarded gateway.forwardAuthorization',
      'note page-links-apart gateway.pageLinkKey',
    ],
  ],
  [
    'a key of page links in the file',
    { gateway: { upstream: 'https://hapi.internal/fhir', pageLinkKey: 'a secret of more than thirty-two characters' } },
    ['warning secret-in-file gateway.pageLinkKey'],
  ],
];

describe('advice on a configuration', () => {
  for (const [title, change, said] of CASES) {
    it(`on ${title}: ${said.length === 0 ? 'none' : said.join(', ')}`, () => {
      expect(linesOn(change)).to.deep.equal(said);
    });
  }

  it('on nothing that could verify a token', () => {
    const file = sound() as { smart: { jwksEndpoint?: string } };
    delete file.smart.jwksEndpoint;
    expect(adviceOn({}, undefined, file).map(({ code }) => code)).to.deep.equal(['proof-missing']);
  });

  it('on a rule that grants nothing at all', () => {
    const file = sound() as { smart: { scopeRule: object } };
    file.smart.scopeRule = { user: { read: [] } };
    expect(adviceOn({}, undefined, file).map(({ code }) => code)).to.deep.equal(['scope-rule-empty']);
  });

  it('on tokens of any type', () => {
    const file = sound() as { token?: object };
    delete file.token;
    expect(adviceOn({}, undefined, file).map(({ code }) => code)).to.deep.equal(['token-types-open']);
  });

  describe('on scopes', () => {
    it('that no rule honours', () => {
      const said = adviceOn({}, [
        'openid',
        'launch/patient',
        'patient/*.rs',
        'patient/Observation.sr',
        'user/Patient.rs',
        'patient/Patient.write',
        'patient/Observatoin.rs',
        'patient/Observation.rs?code:in=x',
        'patient/Observation.rs?value-quantity=5',
        'patient/Condition.cruds',
      ]);
      expect(said.map(({ code, key }) => `${code} ${key}`)).to.deep.equal([
        'scope-ignored patient/Observation.sr',
        'scope-ignored user/Patient.rs',
        'scope-ignored patient/Patient.write',
        'scope-ignored patient/Observatoin.rs',
        'scope-ignored patient/Observation.rs?code:in=x',
        'scope-ignored patient/Observation.rs?value-quantity=5',
        'scope-partial patient/Condition.cruds',
      ]);
    });

    it('that reach all of the rule, or only a part', () => {
      const rule = { smart: { scopeRule: { patient: { read: FULL }, system: { read: ['read'] } } } };
      expect(linesOn(rule, ['patient/*.rs', 'system/Patient.r'])).to.deep.equal([]);
      // What concerns the whole system needs a scope for all types.
      const said = adviceOn(rule, ['patient/Observation.rs']);
      expect(said.map(({ key, reason }) => `${key}: ${reason}`)).to.deep.equal([
        'smart.scopeRule.patient: no patient/ scope permits to search-system, history-system, so that this part of the rule is of no use',
        'smart.scopeRule.system: no scope is of the level system/, so that this part of the rule is of no use',
      ]);
    });
  });

  it('names no secret', () => {
    const said = adviceOn({
      smart: {
        jwksHeaders: { authorization: 'hunter2' },
        tokenIntrospection: { clientId: 'a', clientSecret: 'hunter2', introspectUrl: 'http://x/i' },
      },
      gateway: { upstream: 'http://x', upstreamHeaders: { authorization: 'hunter2' } },
    });
    expect(said.length).to.be.greaterThan(3);
    expect(JSON.stringify(said)).not.to.include('hunter2');
  });

  it('says of everything why and what to do', () => {
    const all = CASES.flatMap(([, change]) => adviceOn(change));
    for (const { reason, remedy } of all) {
      expect(reason).to.match(/^[^A-Z.]?.{10,}[^.]$/);
      expect(remedy).to.match(/^[a-z].{3,}[^.]$/);
    }
  });
});
