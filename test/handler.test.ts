import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { JWK } from 'jose';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { qualifiedOwner } from '../src/access/job.js';
import type { SMARTConfig } from '../src/config.js';
import type { DecisionEvent } from '../src/decision-event.js';
import { DeniedError } from '../src/denied-error.js';
import { ConfigError, UnauthorizedError } from '../src/errors.js';
import { SMARTHandler } from '../src/handler.js';
import type { SMARTHandlerOptions, Tenant } from '../src/options.js';
import type { KnownRequest } from '../src/requests.js';
import { TokenError } from '../src/token/error.js';
import { BASE, CONFIG, handlerWith, identity, observation } from './access/world.js';

const ISSUERS = ['https://a.example.org', 'https://b.example.org'] as const;
let server: Server;
let privateKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
let jwks: string;

before(async () => {
  const pair = await generateKeyPair('ES256');
  privateKey = pair.privateKey;
  const key: JWK = { ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [key] }));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  jwks = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

const token = (claims: Record<string, unknown>, issuer: string = CONFIG.expectedIssValue, audience: string = BASE) =>
  new SignJWT({ sub: 's1', ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(privateKey);

const verifying = (options: SMARTHandlerOptions = {}) => handlerWith(options, { jwksEndpoint: jwks });

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => expect.fail('nothing was refused'),
    (error: unknown) => error,
  );
}

describe('handler: tokens', () => {
  it('gives an identity with the scopes that can cover the request, and the identities that they speak for', async () => {
    const accessToken = await token({
      scope: 'openid user/*.read patient/Patient.rs',
      fhirUser: 'Practitioner/d1',
      launch_response_patient: 'p1',
      fhirUserObject: { hostname: BASE, resourceType: 'Practitioner', id: 'boss' },
    });
    const found = await verifying().verifyAccessToken({ accessToken, operation: 'read', resourceType: 'Observation' });
    expect(found).to.deep.include({ usableScopes: ['user/*.read'], sub: 's1' });
    expect(found.scopes).to.deep.equal(['openid', 'user/*.read', 'patient/Patient.rs']);
    expect(found.fhirUserObject).to.deep.equal({ hostname: BASE, resourceType: 'Practitioner', id: 'd1' });
    expect(found).to.not.have.property('patientLaunchContext');
  });

  it('authenticates without a request, and tells a bad token from one that does not suffice', async () => {
    const handler = verifying();
    const accessToken = await token({ scope: 'patient/Patient.rs user/*.sr openid', launch_response_patient: 'p1' });
    const found = await handler.authenticate({ accessToken });
    expect(found.usableScopes).to.deep.equal(['patient/Patient.rs']);
    expect(found.patientLaunchContext).to.include({ id: 'p1' });
    expect(await failure(handler.authenticate({ accessToken: `${accessToken}x` }))).to.be.instanceOf(TokenError);
    const malformed = await token({ scope: 'patient/Patient.rs', launch_response_patient: 'Group/1' });
    expect(await failure(handler.authenticate({ accessToken: malformed }))).to.be.instanceOf(DeniedError);
  });

  it('answers isAuthorized, decide and explain for a token', async () => {
    const handler = verifying();
    const accessToken = await token({ scope: 'patient/Observation.r', launch_response_patient: 'p1' });
    const request = { accessToken, operation: 'read', resourceType: 'Observation' } as const;
    expect(await handler.isAuthorized(request)).to.equal(true);
    expect(await handler.isAuthorized({ ...request, operation: 'search-type' })).to.equal(false);
    expect(await handler.isAuthorized({ ...request, resource: observation('Patient/p2') })).to.equal(false);
    expect(await handler.explain({ ...request, resource: observation('Patient/p1') })).to.equal(
      'Allowed by patient/Observation.r for Patient/p1: the resource refers to the identity (at subject).',
    );
    expect(await handler.explain({ ...request, operation: 'delete' })).to.equal(
      'Refused:\n- patient/Observation.r: it does not permit the interaction (Observation) [scope-lacks-interaction]',
    );
    const { reasons } = await handler.decide({ ...request, accessToken: 'garbage' });
    expect(reasons).to.deep.equal([{ code: 'token-invalid', name: 'ERR_TOKEN_MALFORMED' }]);
  });

  it('says what is missing where no token can be verified', async () => {
    const handler = handlerWith();
    const accessToken = await token({ scope: 'system/*.rs' });
    for (const work of [
      handler.verifyAccessToken({ accessToken, operation: 'read', resourceType: 'Patient' }),
      handler.decide({ accessToken, operation: 'read', resourceType: 'Patient' }),
      handler.authenticate({ accessToken }),
    ]) {
      const error = await failure(work);
      expect(error).to.be.instanceOf(Error).and.not.instanceOf(UnauthorizedError);
      expect((error as Error).name).to.equal('Error');
      expect((error as Error).message)
        .to.include('jwksEndpoint')
        .and.include('tokenIntrospection');
    }
  });

  it('hole-41: reads %2f in scopes when it is told to', async () => {
    const accessToken = await token({ scope: 'system%2fPatient.rs' });
    const request = { accessToken, operation: 'read', resourceType: 'Patient' } as const;
    expect(await verifying().isAuthorized(request)).to.equal(false);
    expect(await verifying({ decodeScopeSlash: true }).isAuthorized(request)).to.equal(true);
  });
});

describe('handler: decisions for others to hear', () => {
  const who = identity(['patient/*.rs'], undefined, 'Patient/p1');

  it('hands every decision to the listener, those of the host interface included', async () => {
    const events: DecisionEvent[] = [];
    const handler = verifying({ onDecision: (event) => events.push(event) });
    const accessToken = await token({ scope: 'patient/*.rs', launch_response_patient: 'p1' });
    await handler.verifyAccessToken({ accessToken, operation: 'read', resourceType: 'Patient' });
    await failure(handler.verifyAccessToken({ accessToken: 'x', operation: 'read', resourceType: 'Patient' }));
    await failure(
      handler.isWriteRequestAuthorized({
        operation: 'create',
        userIdentity: who,
        resourceBody: observation('Patient/p1'),
      }),
    );
    const entry = [observation('Patient/p1'), observation('Patient/p2')].map((resource) => ({ resource }));
    const readResponse = { resourceType: 'Bundle', type: 'searchset', entry };
    await handler.authorizeAndFilterReadResponse({ operation: 'search-type', userIdentity: who, readResponse });
    await handler.decide({ operation: 'read', resourceType: 'Patient', userIdentity: who });
    expect(
      events.map(({ method, operation, resourceType, decision, filtered }) => [
        method,
        operation,
        resourceType,
        decision.decision,
        filtered,
      ]),
    ).to.deep.equal([
      ['verifyAccessToken', 'read', 'Patient', 'allow', undefined],
      ['verifyAccessToken', 'read', 'Patient', 'deny', undefined],
      ['isWriteRequestAuthorized', 'create', 'Observation', 'deny', undefined],
      ['authorizeAndFilterReadResponse', 'search-type', undefined, 'allow', { kept: 1, dropped: 1 }],
      ['decide', 'read', 'Patient', 'allow', undefined],
    ]);
    expect(JSON.stringify(events)).to.not.include(accessToken).and.not.include('Patient/p2');
  });

  it('is not moved by a listener that fails', async () => {
    const handler = handlerWith({
      onDecision: () => {
        throw new Error('the log is full');
      },
    });
    expect(await handler.isAuthorized({ operation: 'read', resourceType: 'Patient', userIdentity: who })).to.equal(
      true,
    );
    expect(await handler.isAuthorized({ operation: 'delete', resourceType: 'Patient', userIdentity: who })).to.equal(
      false,
    );
  });

  it('keeps the reasons of a refusal where no serialiser finds them', async () => {
    const error = await failure(
      handlerWith().isWriteRequestAuthorized({
        operation: 'create',
        userIdentity: who,
        resourceBody: observation('Patient/p1'),
      }),
    );
    expect(error).to.be.instanceOf(DeniedError).and.instanceOf(UnauthorizedError);
    const denied = error as DeniedError;
    expect(denied.decision.reasons[0]).to.include({ code: 'scope-lacks-interaction' });
    expect(denied).to.include({ name: 'UnauthorizedError', isUnauthorizedError: true });
    expect(JSON.stringify(denied) + denied.message).to.not.include('scope-lacks');
  });
});

describe('handler: several issuers', () => {
  const bases = ['https://fhir.example.org/a', 'https://fhir.example.org/b'] as const;
  const tenants = (): Tenant[] =>
    ISSUERS.map((issuer, at) => {
      const apiUrl = bases[at] ?? '';
      const config: SMARTConfig = { ...CONFIG, expectedIssValue: issuer, expectedAudValue: apiUrl, jwksEndpoint: jwks };
      return { config, apiUrl };
    });

  function handlerOf(all: readonly Tenant[]): SMARTHandler {
    return new SMARTHandler(CONFIG, BASE, '4.0.1', undefined, undefined, undefined, {
      tenantOf: ({ fhirServiceBaseUrl }) => all.find(({ apiUrl }) => apiUrl === fhirServiceBaseUrl),
    });
  }

  it('verifies a token by the tenant of its base URL, and by no other', async () => {
    const handler = handlerOf(tenants());
    const accessToken = await token({ scope: 'system/*.rs' }, ISSUERS[0], bases[0]);
    const request = { accessToken, operation: 'read', resourceType: 'Patient' } as const;
    expect(await handler.isAuthorized({ ...request, fhirServiceBaseUrl: bases[0] })).to.equal(true);
    expect(await handler.isAuthorized({ ...request, fhirServiceBaseUrl: bases[1] })).to.equal(false);
    expect(await handler.isAuthorized({ ...request, fhirServiceBaseUrl: 'https://fhir.example.org/c' })).to.equal(
      false,
    );
    expect(await handler.isAuthorized(request)).to.equal(false);
    const unknown = handler.verifyAccessToken({ ...request, fhirServiceBaseUrl: 'https://fhir.example.org/c' });
    expect(await failure(unknown)).to.be.instanceOf(UnauthorizedError);
  });

  it('takes an identity only in the realm of its issuer', async () => {
    const handler = handlerOf(tenants());
    const who = { ...identity(['system/*.rs']), iss: ISSUERS[0] };
    const asked = { operation: 'read', resourceType: 'Patient', userIdentity: who } as const;
    expect(await handler.isAuthorized({ ...asked, fhirServiceBaseUrl: bases[0] })).to.equal(true);
    expect((await handler.decide({ ...asked, fhirServiceBaseUrl: bases[1] })).reasons).to.deep.equal([
      { code: 'tenant-mismatch' },
    ]);
    const nameless = { ...asked, userIdentity: { ...who, iss: undefined } };
    expect(await handler.isAuthorized({ ...nameless, fhirServiceBaseUrl: bases[0] })).to.equal(false);
  });

  it('refuses what a resolver binds to another base URL, and what it fails on', async () => {
    const [first] = tenants();
    const asked = {
      operation: 'read',
      resourceType: 'Patient',
      userIdentity: { ...identity(['system/*.rs']), iss: ISSUERS[0] },
    } as const;
    const careless = handlerWith({ tenantOf: () => first });
    expect(await careless.isAuthorized({ ...asked, fhirServiceBaseUrl: bases[0] })).to.equal(true);
    expect(await careless.isAuthorized({ ...asked, fhirServiceBaseUrl: bases[1] })).to.equal(false);
    const failing = handlerWith({
      tenantOf: () => {
        throw new Error('no such tenant');
      },
    });
    expect(await failing.isAuthorized(asked)).to.equal(false);
  });

  it('hole-14: a subject owns a job only within its issuer', async () => {
    const handler = handlerOf(tenants());
    const [a, b] = ISSUERS.map((iss) => ({ ...identity(['system/*.rs']), sub: 's1', iss }));
    const jobOwnerId = qualifiedOwner({ subject: 's1', issuer: ISSUERS[0] }) ?? '';
    await handler.isAccessBulkDataJobAllowed({ userIdentity: a ?? {}, jobOwnerId });
    expect(await failure(handler.isAccessBulkDataJobAllowed({ userIdentity: b ?? {}, jobOwnerId }))).to.be.instanceOf(
      UnauthorizedError,
    );
    expect(
      await failure(handler.isAccessBulkDataJobAllowed({ userIdentity: a ?? {}, jobOwnerId: 's1' })),
    ).to.be.instanceOf(UnauthorizedError);
  });
});

describe('handler: exports', () => {
  const start = (exportType: 'system' | 'group' | 'patient', options: SMARTHandlerOptions = {}, ...scopes: string[]) =>
    handlerWith(options).isAuthorized({
      operation: 'read',
      userIdentity: identity(scopes),
      bulkDataAuth: { operation: 'initiate-export', exportType },
    });

  it('R17: a Group export needs grants for Group and Patient', async () => {
    expect(await start('group', {}, 'system/Group.rs', 'system/Patient.rs')).to.equal(true);
    expect(await start('group', {}, 'system/*.rs')).to.equal(true);
    expect(await start('group', {}, 'system/Patient.rs')).to.equal(false);
    expect(await start('group', {}, 'system/Group.rs')).to.equal(false);
  });

  it('a Patient export is known where the host lets it in, for system grants on Patient', async () => {
    expect(await start('patient', {}, 'system/*.rs')).to.equal(false);
    const options = { patientExport: true };
    expect(await start('patient', options, 'system/*.rs')).to.equal(true);
    expect(await start('patient', options, 'system/Patient.rs', 'system/Observation.rs')).to.equal(true);
    expect(await start('patient', options, 'system/Observation.rs')).to.equal(false);
    expect(await start('patient', options, 'user/*.rs')).to.equal(false);
  });

  it('hole-06, hole-37: writes out only what plain system scopes grant, never a granular part', async () => {
    const handler = verifying({});
    const scope = 'system/Group.rs system/Patient.rs system/Observation.rs?category=laboratory patient/*.rs';
    const accessToken = await token({ scope, launch_response_patient: 'p1' });
    const userIdentity = await handler.verifyAccessToken({
      accessToken,
      operation: 'read',
      bulkDataAuth: { operation: 'initiate-export', exportType: 'group' },
    });
    expect(userIdentity.usableScopes).to.deep.equal(['system/Group.rs', 'system/Patient.rs']);
    expect(await handler.getAllowedResourceTypesForOperation({ operation: 'read', userIdentity })).to.deep.equal([
      'Group',
      'Patient',
    ]);
    const copied = structuredClone(userIdentity);
    expect(
      await handler.getAllowedResourceTypesForOperation({ operation: 'read', userIdentity: copied }),
    ).to.deep.equal(['Group', 'Patient']);
  });
});

describe('handler: searches', () => {
  const who = identity(['patient/Observation.rs'], undefined, 'Patient/p1');
  const search = (query: string) =>
    handlerWith().authorizeSearch({ operation: 'search-type', resourceType: 'Observation', userIdentity: who, query });

  it('hole-35: takes out what would count or bring the unseen, and refuses what would ask about it', async () => {
    const answer = await search('code=1234&_include=Observation:performer:Practitioner&_total=accurate&_sort=-date');
    expect(answer.decision.decision).to.equal('allow');
    expect(answer.parameters).to.deep.equal([
      ['code', '1234'],
      ['_sort', '-date'],
    ]);
    expect([...answer.removed].sort()).to.deep.equal(['_include', '_total']);
    expect(answer.filters[0]?.value).to.include('Patient/p1');
    for (const query of [
      'subject:Patient.name=bob',
      '_has:Provenance:target:agent=x',
      '_filter=code eq 1',
      '_list=x',
    ]) {
      const refused = await search(query);
      expect(refused.decision.decision, query).to.equal('deny');
      expect(refused).to.deep.include({ parameters: [], filters: [] });
    }
  });

  it('leaves the query of a system client that may see everything as it is', async () => {
    const all = {
      userIdentity: identity(['system/*.cruds']),
      operation: 'search-type',
      resourceType: 'Observation',
    } as const;
    const { parameters, removed, filters } = await handlerWith().authorizeSearch({
      ...all,
      query: 'subject:Patient.name=bob&_total=accurate',
    });
    expect({ removed, filters }).to.deep.equal({ removed: [], filters: [] });
    expect(parameters).to.have.length(2);
  });

  it('filters a Bundle that a host gathered itself, without changing it', async () => {
    const entry = [observation('Patient/p1', 'a'), observation('Patient/p2', 'b')].map((resource) => ({ resource }));
    const bundle = { resourceType: 'Bundle', type: 'searchset', total: 2, entry };
    const before = structuredClone(bundle);
    const filtered = await handlerWith().filterBundle({ operation: 'read', userIdentity: who, bundle });
    expect(filtered).to.deep.include({ kept: 1, dropped: 1 });
    expect(filtered.bundle).to.deep.equal({ ...bundle, total: 1, entry: [entry[0]] });
    expect(bundle).to.deep.equal(before);
    expect(
      await failure(handlerWith().filterBundle({ operation: 'read', userIdentity: who, bundle: entry })),
    ).to.be.instanceOf(DeniedError);
  });

  it('hole-13: with grants that open a part only, a page tells neither total nor last page', async () => {
    const granular = identity(['patient/Observation.rs?category=laboratory'], undefined, 'Patient/p1');
    const link = ['self', 'next', 'last'].map((relation) => ({ relation, url: `${BASE}/${relation}` }));
    const bundle = {
      resourceType: 'Bundle',
      type: 'searchset',
      total: 90,
      link,
      entry: [{ resource: observation('Patient/p1') }],
    };
    const partial = (await handlerWith().filterBundle({ operation: 'search-type', userIdentity: granular, bundle }))
      .bundle;
    expect(partial).to.not.have.property('total');
    expect((partial['link'] as { relation: string }[]).map(({ relation }) => relation)).to.deep.equal(['self', 'next']);
    const plain = (await handlerWith().filterBundle({ operation: 'search-type', userIdentity: who, bundle })).bundle;
    expect(plain).to.deep.include({ total: 90, link });
  });
});

describe('handler: construction', () => {
  const build = (
    config: unknown,
    options: unknown = {},
    version: unknown = '4.0.1',
    apiUrl: unknown = BASE,
    admins: unknown = [],
  ) =>
    new SMARTHandler(
      config as SMARTConfig,
      apiUrl as string,
      version as string,
      admins as string[],
      undefined,
      undefined,
      options as SMARTHandlerOptions,
    );
  const keyOf = (work: () => unknown): string => {
    try {
      work();
    } catch (error) {
      expect(error).to.be.instanceOf(ConfigError);
      expect((error as ConfigError).name).to.equal('Error');
      expect((error as ConfigError).code).to.equal('ERR_CONFIG');
      return (error as ConfigError).key;
    }
    return 'nothing';
  };

  const mistakes: readonly [string, () => unknown][] = [
    ['config', () => build(undefined)],
    ['version', () => build({ ...CONFIG, version: 2 })],
    ['scopeKey', () => build({ ...CONFIG, scopeKey: '' })],
    ['scopeRule', () => build({ ...CONFIG, scopeRule: undefined })],
    ['scopeRule.users', () => build({ ...CONFIG, scopeRule: { users: { read: [], write: [] } } })],
    ['scopeRule.user', () => build({ ...CONFIG, scopeRule: { user: 'read' } })],
    ['scopeRule.user.reed', () => build({ ...CONFIG, scopeRule: { user: { reed: ['read'] } } })],
    ['scopeRule.user.read', () => build({ ...CONFIG, scopeRule: { user: { read: 'read' } } })],
    [
      'scopeRule.user.write[1]',
      () => build({ ...CONFIG, scopeRule: { user: { read: [], write: ['create', 'upsert'] } } }),
    ],
    ['expectedAudValue', () => build({ ...CONFIG, expectedAudValue: [] })],
    ['expectedAudValue', () => build({ ...CONFIG, expectedAudValue: 5 })],
    ['expectedIssValue', () => build({ ...CONFIG, expectedIssValue: undefined })],
    ['jwksEndpoint', () => build({ ...CONFIG, jwksEndpoint: 'file:///keys' })],
    ['jwksHeaders.x', () => build({ ...CONFIG, jwksHeaders: { x: 1 } })],
    [
      'tokenIntrospection.clientSecret',
      () => build({ ...CONFIG, tokenIntrospection: { clientId: 'a', introspectUrl: BASE } }),
    ],
    [
      'tokenIntrospection.introspectUrl',
      () => build({ ...CONFIG, tokenIntrospection: { clientId: 'a', clientSecret: 'b' } }),
    ],
    ['jwksEndPoint', () => build({ ...CONFIG, jwksEndPoint: BASE })],
    ['fhirVersion', () => build(CONFIG, {}, '4.0.0')],
    ['apiUrl', () => build(CONFIG, {}, '4.0.1', 'fhir.example.org')],
    ['adminAccessTypes', () => build(CONFIG, {}, '4.0.1', BASE, 'Practitioner')],
    ['options', () => build(CONFIG, null)],
    ['options.membership.read', () => build(CONFIG, { membership: { read: 'everything' } })],
    ['options.writesWithoutLookup', () => build(CONFIG, { writesWithoutLookup: 'maybe' })],
    ['options.lookup', () => build(CONFIG, { lookup: {} })],
    ['options.operations.lastn', () => build(CONFIG, { operations: { lastn: { requires: ['read'] } } })],
    ['options.operations.$lastn.requires', () => build(CONFIG, { operations: { $lastn: { requires: [] } } })],
    [
      'options.adminRules[0].path',
      () =>
        build(CONFIG, { adminRules: [{ userTypes: ['Practitioner'], resourceType: 'Patient', path: '', claim: 'x' }] }),
    ],
  ];
  for (const [key, work] of mistakes) {
    it(`names the key at fault: ${key}`, () => {
      expect(keyOf(work)).to.equal(key);
    });
  }

  it('takes a configuration without an endpoint and without a level', () => {
    expect(keyOf(() => build({ ...CONFIG, scopeRule: {} }))).to.equal('nothing');
    for (const version of ['3.0.1', '4.0.1', '4.3.0', '5.0.0'])
      expect(keyOf(() => build(CONFIG, {}, version))).to.equal('nothing');
  });
});

describe('handler: at once', () => {
  const own = { resourceType: 'Observation', id: 'o', subject: { reference: 'Patient/p1' } };
  const foreign = { ...own, subject: { reference: 'Patient/p2' } };
  const userIdentity = identity(['patient/Observation.rus', 'patient/Patient.rs'], undefined, 'Patient/p1');

  it('decides as it does later, and tells its listeners the same', async () => {
    const events: DecisionEvent[] = [];
    const handler = handlerWith({ onDecision: (event) => void events.push(event) });
    const questions: readonly Omit<KnownRequest, 'userIdentity'>[] = [
      { operation: 'read', resourceType: 'Observation', id: 'o', resource: own },
      { operation: 'read', resourceType: 'Observation', id: 'o', resource: foreign },
      { operation: 'read', resourceType: 'Observation', id: 'other', resource: own },
      { operation: 'read', resourceType: 'Observation' },
      { operation: 'read', resourceType: 'Condition', resource: own },
      { operation: 'update', resourceType: 'Observation', id: 'o', resource: own, storedResource: foreign },
      { operation: 'patch', resourceType: 'Observation', id: 'o', patch: { status: 'final' }, storedResource: own },
      { operation: 'delete', resourceType: 'Observation', id: 'o', storedResource: own },
    ];
    for (const question of questions) {
      const now = handler.decideAtOnce({ ...question, userIdentity });
      expect(now).to.deep.equal(await handler.decide({ ...question, userIdentity }));
      expect(events.at(-2)).to.deep.equal(events.at(-1));
    }
    expect(events).to.have.length(2 * questions.length);
  });

  it('looks nothing up', () => {
    let asked = 0;
    const handler = handlerWith({
      writesWithoutLookup: 'deny',
      lookup: () => {
        asked += 1;
        return own;
      },
    });
    const question = {
      operation: 'update',
      resourceType: 'Observation',
      id: 'o',
      resource: own,
      userIdentity,
    } as const;
    expect(handler.decideAtOnce(question).reasons.map(({ code }) => code)).to.include('stored-unknown');
    expect(handler.decideAtOnce({ ...question, storedResource: own })).to.have.property('decision', 'allow');
    expect(asked).to.equal(0);
  });

  it('gates a search as it does later, but for the filters, and tells its listeners the same', async () => {
    const events: DecisionEvent[] = [];
    const handler = handlerWith({ onDecision: (event) => void events.push(event) });
    const queries = ['', 'patient=p1&_total=accurate', 'subject:Patient.name=x', 'status=final&_include=*', 'a'];
    for (const resourceType of ['Observation', 'Patient', 'Condition', undefined]) {
      for (const query of queries) {
        const request = {
          operation: 'search-type',
          userIdentity,
          query,
          ...(resourceType !== undefined && { resourceType }),
        } as const;
        const { filters, ...later } = await handler.authorizeSearch(request);
        const { decision, parameters, removed, narrowings, partial } = handler.authorizeSearchAtOnce(request);
        expect({ decision, parameters, removed, narrowings, partial }, `${resourceType} ${query}`).to.deep.equal(later);
        expect(filters.length > 0).to.equal(later.decision.decision === 'allow');
        expect(events.at(-2)).to.deep.equal(events.at(-1));
      }
    }
    const read = { operation: 'read', userIdentity, resourceType: 'Observation' } as const;
    expect(handler.authorizeSearchAtOnce(read).decision.reasons[0]?.code).to.equal('operation-unknown');
    expect(handler.authorizeSearchAtOnce({ ...read, userIdentity: 'p1' as never }).decision.decision).to.equal('deny');
  });

  it('knows who presents a token that was proved before, and tells nothing of any other', async () => {
    const events: DecisionEvent[] = [];
    const handler = verifying({ onDecision: (event) => void events.push(event) });
    const [known, unknown, nobody] = await Promise.all([
      token({ scope: 'patient/*.rs', launch_response_patient: 'p1' }),
      token({ scope: 'patient/*.rs', launch_response_patient: 'p2' }),
      token({ scope: 'patient/*.rs', launch_response_patient: 'Practitioner/d' }),
    ]);
    const at = (accessToken: unknown): unknown => handler.authenticateAtOnce({ accessToken: accessToken as string });
    expect(at(known)).to.equal(undefined);
    expect(events).to.deep.equal([]);
    const later = await handler.authenticate({ accessToken: known });
    expect(at(known)).to.deep.equal(later);
    expect(events[1]).to.deep.equal(events[0]);
    expect(await failure(handler.authenticate({ accessToken: nobody }))).to.be.instanceOf(DeniedError);
    for (const other of [nobody, unknown, `${known}x`, known.slice(0, -1), '', 'x'.repeat(100_000), undefined, {}]) {
      expect(at(other)).to.equal(undefined);
    }
    expect(events).to.have.length(3);
    // A configuration that verifies nothing says so later, too.
    expect(handlerWith().authenticateAtOnce({ accessToken: known })).to.equal(undefined);
  });

  it('knows a token no longer when it has ended', async () => {
    const accessToken = await token({ scope: 'system/*.rs' });
    let now = Date.now();
    const handler = verifying({ token: { now: () => now } });
    await handler.authenticate({ accessToken });
    expect(handler.authenticateAtOnce({ accessToken })).to.be.an('object');
    now += 5 * 60_000 + 1;
    expect(handler.authenticateAtOnce({ accessToken })).to.equal(undefined);
  });

  it('denies an identity that is none, as a value, and whatever throws inside', () => {
    const handler = handlerWith();
    const question = { operation: 'read', resourceType: 'Observation' } as const;
    for (const who of [
      {},
      null,
      'Patient/p1',
      Object.defineProperty({}, 'scopes', {
        get: () => {
          throw new Error('x');
        },
      }),
    ]) {
      expect(handler.decideAtOnce({ ...question, userIdentity: who as never })).to.have.property('decision', 'deny');
      const bundle = { resourceType: 'Bundle', entry: [{ resource: own }] };
      expect(handler.opensWholeTypeAtOnce({ ...question, userIdentity: who as never })).to.equal(false);
      let kept: unknown;
      try {
        ({ kept } = handler.filterBundleAtOnce({ operation: 'read', bundle, userIdentity: who as never }));
      } catch (error) {
        expect(error).to.be.instanceOf(DeniedError);
      }
      expect(kept === undefined || kept === 0).to.equal(true);
    }
  });

  it('filters as it does later', async () => {
    const handler = handlerWith();
    const bundle = {
      resourceType: 'Bundle',
      type: 'searchset',
      total: 2,
      entry: [own, foreign].map((resource) => ({ resource })),
    };
    const request = { operation: 'search-type', bundle, userIdentity } as const;
    const filtered = handler.filterBundleAtOnce(request);
    expect(filtered).to.deep.equal(await handler.filterBundle(request));
    expect([filtered.kept, filtered.dropped]).to.deep.equal([1, 1]);
    expect(() => handler.filterBundleAtOnce({ ...request, bundle: own })).to.throw(DeniedError);
  });
});

describe('handler: whole types', () => {
  const system = identity(['system/*.read']);
  const opens = (resourceType: string, who: object = system, options: SMARTHandlerOptions = {}, operation = 'read') =>
    handlerWith(options).opensWholeType({ operation: operation as 'read', resourceType, userIdentity: who });

  it('are open to a system or an admin with a plain scope for the interaction and the type', async () => {
    expect(await opens('Observation')).to.equal(true);
    expect(await opens('Resource')).to.equal(true);
    expect(await opens('Observation', identity(['user/*.read'], 'Practitioner/d1'))).to.equal(true);
    expect(await opens('Observation', identity(['system/Observation.r']))).to.equal(true);
    expect(await opens('Observation', identity(['system/Observation.r']), {}, 'search-type')).to.equal(false);
    expect(await opens('Resource', identity(['system/Observation.r']))).to.equal(false);
    expect(await opens('Observation', identity(['system/Observation.rs?status=final']))).to.equal(false);
    expect(await opens('Observation', identity(['patient/*.read'], undefined, 'Patient/p1'))).to.equal(false);
    expect(await opens('Patient', identity(['user/*.read'], 'Patient/p1'))).to.equal(false);
    expect(await opens('Observation', {})).to.equal(false);
  });

  it('are not open where something narrows, but for what contains nothing', async () => {
    expect(await opens('Observation', system, { narrow: () => true })).to.equal(false);
    const contained = { membership: { contained: 'refuse' as const } };
    expect(await opens('Observation', system, contained)).to.equal(false);
    expect(await opens('Binary', system, contained)).to.equal(true);
  });

  it('are asked about without an event', async () => {
    const events: DecisionEvent[] = [];
    await opens('Observation', system, { onDecision: (event) => void events.push(event) });
    expect(events).to.deep.equal([]);
  });

  it('belong to the tenant of the identity', async () => {
    const tenantOf = (): Tenant => ({ config: { ...CONFIG, expectedIssValue: ISSUERS[0] }, apiUrl: BASE });
    expect(await opens('Observation', { ...system, iss: ISSUERS[0] }, { tenantOf })).to.equal(true);
    expect(await opens('Observation', { ...system, iss: ISSUERS[1] }, { tenantOf })).to.equal(false);
    const lost = { tenantOf: () => expect.fail('not found') };
    expect(await opens('Observation', system, lost)).to.equal(false);
  });
});

describe('handler: exports', () => {
  const start = async (scopes: readonly string[], types?: readonly string[], options: SMARTHandlerOptions = {}) => {
    const bulkDataAuth = { operation: 'initiate-export', exportType: 'system' } as const;
    const userIdentity = identity(scopes);
    return handlerWith(options).authorizeExport({ userIdentity, bulkDataAuth, ...(types && { types }) });
  };

  it('say which types may be written out, and whose the job is', async () => {
    const all = await start(['system/*.read']);
    expect([all.decision.decision, all.owner]).to.deep.equal(['allow', 'somebody']);
    expect(all.types.length).to.be.greaterThan(140);
    expect((await start(['system/*.read'], ['Patient'])).types).to.deep.equal(['Patient']);
    const some = await start(['system/Patient.rs', 'system/Observation.rs'], ['Observation']);
    expect(some.types).to.deep.equal(['Observation']);
  });

  it('are refused as a whole where one type is not granted', async () => {
    const refused = { types: [], owner: undefined };
    expect(await start(['system/Patient.rs'])).to.deep.include(refused);
    expect(await start(['system/Patient.rs'], ['Patient', 'Observation'])).to.deep.include(refused);
    expect(await start(['system/Patient.rs?active=true'], ['Patient'])).to.deep.include(refused);
    expect(await start(['patient/*.read'], ['Patient'])).to.deep.include(refused);
  });

  it('have an owner by issuer and subject where there are several issuers', async () => {
    const tenantOf = (): Tenant => ({ config: CONFIG, apiUrl: BASE });
    const { owner } = await start(['system/*.read'], undefined, { tenantOf });
    expect(owner).to.equal(qualifiedOwner({ subject: 'somebody', issuer: CONFIG.expectedIssValue }));
  });

  it('are reported once each', async () => {
    const events: DecisionEvent[] = [];
    await start(['system/*.read'], ['Patient'], { onDecision: (event) => void events.push(event) });
    expect(events.map(({ method, operation }) => [method, operation])).to.deep.equal([
      ['authorizeExport', 'initiate-export'],
    ]);
  });
});
