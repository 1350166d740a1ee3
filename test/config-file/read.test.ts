import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import omit from 'lodash/omit.js';
import { createHandlerFrom } from '../../src/config-file/create.js';
import { ConfigFileError } from '../../src/config-file/problem.js';
import { parseConfig, readConfig, readConfigFile } from '../../src/config-file/read.js';
import { ConfigError } from '../../src/errors.js';
import { gatewaySettings } from '../../src/gateway/options.js';
import { SMARTHandler } from '../../src/handler.js';
import type { SMARTHandlerOptions } from '../../src/options.js';
import { createTokenVerifier } from '../../src/token/verifier.js';
import { largest, smallest } from './settings.js';

type Json = Record<string, unknown>;

const NOTHING: Readonly<Record<string, string>> = {};

/** What is wrong with a file: `key: problem`. */
function problemsIn(value: unknown, env: Readonly<Record<string, string>> = NOTHING): string[] {
  try {
    readConfig(value, { env });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigFileError)) throw error;
    return error.problems.map(({ key, problem }) => `${key}: ${problem}`);
  }
}

/** The file with one value replaced, or taken away where it is undefined. */
function changed(file: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const copy = structuredClone(file);
  let at = copy as Json;
  for (const step of path.slice(0, -1)) at = at[step] as Json;
  const last = path.at(-1) ?? '';
  if (value === undefined) Reflect.deleteProperty(at, last);
  else at[last] = value;
  return copy;
}

/** Every path in a value, its own included. */
function pathsIn(value: unknown): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [[]];
  const members = Array.isArray(value) ? value.map((each, index) => [index, each] as const) : Object.entries(value);
  return [[], ...members.flatMap(([step, member]) => pathsIn(member).map((path) => [step, ...path]))];
}

describe('a configuration file', () => {
  it('may say as little or as much as there is to say', () => {
    expect(readConfig(smallest())).to.deep.equal(smallest());
    expect(readConfig(largest())).to.deep.equal(omit(largest(), '$schema'));
  });

  it('may be a SMARTConfig by itself', () => {
    const { smart } = smallest();
    expect(readConfig(smart)).to.deep.equal({ smart });
    expect(problemsIn({ ...smart, version: 2, baseURL: 'x' })).to.have.members([
      'version: must be 1',
      'baseURL: is no key that is known here: take it out',
    ]);
    expect(() => createHandlerFrom(readConfig(smart))).to.throw(ConfigError, 'baseUrl: is missing');
  });

  it('makes the handler that it describes', async () => {
    const file = { ...smallest(), access: { adminAccessTypes: ['Person'] } };
    const handler = createHandlerFrom(readConfig(changed(file, ['smart', 'scopeRule', 'user'], { read: ['read'] })));
    const as = (resourceType: string) =>
      handler.decide({
        operation: 'read',
        resourceType: 'Observation',
        resource: { resourceType: 'Observation' },
        userIdentity: {
          scopes: ['user/*.r'],
          fhirUserObject: { hostname: 'https://fhir.example.org', resourceType, id: '1' },
        },
      });
    expect(await as('Person')).to.include({ decision: 'allow', code: 'admin' });
    expect(await as('Practitioner')).to.include({ decision: 'deny' });
  });

  it('reads an audience as text, as list and as expression', () => {
    const audienceOf = (value: unknown): unknown =>
      readConfig(changed(smallest(), ['smart', 'expectedAudValue'], value)).smart.expectedAudValue;
    expect(audienceOf(['a', 'b'])).to.deep.equal(['a', 'b']);
    expect(audienceOf({ pattern: '^https://x/\\d+$', flags: 'i' })).to.deep.equal(/^https:\/\/x\/\d+$/i);
    for (const wrong of [
      { pattern: '(' },
      { pattern: 'x', flags: 'gg' },
      { pattern: 'x', flags: 'g' },
      [],
      [''],
      3,
      {},
    ]) {
      expect(problemsIn(changed(smallest(), ['smart', 'expectedAudValue'], wrong)), JSON.stringify(wrong))
        .to.have.lengthOf(1)
        .and.to.satisfy(([text]: string[]) => text?.startsWith('smart.expectedAudValue'));
    }
  });

  it('takes any text out of the environment, and says which variable it misses', () => {
    const file = changed(smallest(), ['smart', 'tokenIntrospection'], {
      clientId: 'rs',
      clientSecret: { env: 'INTROSPECTION_SECRET' },
      introspectUrl: { env: 'INTROSPECTION_URL' },
    });
    const env = { INTROSPECTION_SECRET: 's3cret', INTROSPECTION_URL: 'https://idp.example.org/i' };
    expect(readConfig(file, { env }).smart.tokenIntrospection).to.deep.equal({
      clientId: 'rs',
      clientSecret: 's3cret',
      introspectUrl: 'https://idp.example.org/i',
    });
    expect(problemsIn(file, { INTROSPECTION_URL: '' })).to.deep.equal([
      'smart.tokenIntrospection.clientSecret: the environment variable INTROSPECTION_SECRET is not set',
      'smart.tokenIntrospection.introspectUrl: the environment variable INTROSPECTION_URL is empty',
    ]);
    expect(problemsIn(file, { ...env, INTROSPECTION_URL: 'ftp://s3cret' })).to.deep.equal([
      'smart.tokenIntrospection.introspectUrl: must be an http(s) URL without credentials',
    ]);
  });

  it('takes a header that is called env for a header', () => {
    const headers = { env: 'staging', 'x-key': { env: 'KEY' } };
    const file = changed(smallest(), ['smart', 'jwksHeaders'], headers);
    expect(readConfig(file, { env: { KEY: 'k' } }).smart.jwksHeaders).to.deep.equal({ env: 'staging', 'x-key': 'k' });
  });

  it('takes every text that it knows out of the environment', () => {
    const texts = pathsIn(largest()).filter((path) => {
      const value = path.reduce<unknown>((at, step) => (at as Json)[step], largest());
      return typeof value === 'string' && path[0] !== '$schema';
    });
    const chosen =
      /fhirVersion|scopeRule|membership\.(?:read|write|contained)|encounter|operations|algorithms|Without|level|narrowSearch\.mode|foreignFiles|smartConfiguration\./;
    const open = texts.filter((path) => !chosen.test(path.join('.')));
    expect(open.length).to.be.greaterThan(20);
    for (const path of open) {
      const value = path.reduce<unknown>((at, step) => (at as Json)[step], largest()) as string;
      const file = changed(largest(), path, { env: 'X' });
      expect(problemsIn(file, { X: value }), path.join('.')).to.deep.equal([]);
      expect(problemsIn(file), path.join('.')).to.have.lengthOf(1);
    }
  });

  it('tells all mistakes at once, each by its key and its place', () => {
    const file = changed(smallest(), ['smart', 'scopeRule', 'user'], { read: ['read', 'vread', 'reed'] }) as Json;
    const text = JSON.stringify({ ...file, acces: {}, fhirVersion: 'R4', token: { algorithms: ['HS256'] } }, null, 2);
    try {
      parseConfig(text, { name: 'authz.json', env: {} });
      expect.fail('it was read');
    } catch (error) {
      if (!(error instanceof ConfigFileError)) throw error;
      expect(error.problems.map(({ key, place }) => `${key} ${place?.line ?? 0}`)).to.deep.equal([
        'smart.scopeRule.user.read[2] 17',
        'fhirVersion 28',
        'acces 29',
        'token.algorithms[0] 32',
      ]);
      expect(error.message).to.match(
        /^authz\.json: 4 problems\n {2}line 17, column \d+: smart\.scopeRule\.user\.read\[2\]: must be one of create, /,
      );
      expect(error).to.include({ code: 'ERR_CONFIG', name: 'Error' });
    }
  });

  it('says which key may have been meant', () => {
    const { smart, ...server } = smallest();
    const said = (file: unknown): string[] =>
      problemsIn(file).map((each) => each.replace('is no key that is known here: ', ''));
    expect(said({ smart: { ...smart, jwksEndPoint: 'https://x' }, ...server, acess: {}, nonsense: 1 })).to.have.members(
      ['smart.jwksEndPoint: is jwksEndpoint meant?', 'acess: is access meant?', 'nonsense: take it out'],
    );
    expect(said({ ...smart, scopekey: 'x' })).to.deep.equal(['scopekey: is scopeKey meant?']);
    const rule = { userTypes: [], resourceType: 'Patient', path: 'x', claim: 'x', claims: 'x' };
    expect(said({ smart, ...server, access: { adminRules: [rule] } })).to.deep.equal([
      'access.adminRules[0].claims: is claim meant?',
    ]);
    const scopeRule = { user: { reed: ['read'] } };
    expect(said({ smart: { ...smart, scopeRule }, ...server })).to.deep.equal([
      'smart.scopeRule.user.reed: is read meant?',
    ]);
    expect(
      said({ smart, ...server, access: { operations: { $x: { requires: ['read'], require: 1 } } } }),
    ).to.deep.equal(['access.operations.$x.require: is requires meant?']);
  });

  it('binds the two timeouts of a request to one another, as the gateway does', () => {
    const gateway = { upstream: 'http://localhost', headersTimeoutMs: 40_000 };
    expect(problemsIn({ ...smallest(), gateway })).to.deep.equal([
      'gateway.requestTimeoutMs: is missing: it must not be below headersTimeoutMs',
    ]);
    expect(problemsIn({ ...smallest(), gateway: { ...gateway, requestTimeoutMs: 40_000 } })).to.deep.equal([]);
  });

  it('repeats no value in what it says', () => {
    fc.assert(
      fc.property(fc.constantFrom(...pathsIn(largest()).filter(({ length }) => length > 0)), (path) => {
        for (const wrong of ['s3cr3t-w0rd', ['s3cr3t-w0rd'], 77_777_777]) {
          const said = problemsIn(changed(largest(), path, wrong)).join('\n');
          expect(said).not.to.match(/s3cr3t|77777777/);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('tells a missing key from a wrong one', () => {
    const { smart, ...server } = smallest();
    const rest = omit(smart, 'scopeKey');
    expect(problemsIn({ smart: rest, ...server })).to.deep.equal([
      'smart.scopeKey: is missing: it must be a string, or {"env": "NAME"}',
    ]);
    expect(problemsIn({ smart: { ...rest, scopeKey: '' }, ...server })).to.deep.equal([
      'smart.scopeKey: must not be empty',
    ]);
    expect(problemsIn({})).to.have.lengthOf(3);
    for (const none of [null, [], 'x', 3]) expect(problemsIn(none)).to.deep.equal([': must be an object']);
  });

  it('wants every key where it is needed, and no other anywhere', () => {
    for (const path of pathsIn(largest())) {
      const value = path.reduce<unknown>((at, step) => (at as Json)[step], largest());
      if (typeof value !== 'object' || value === null || Array.isArray(value)) continue;
      // Free by their nature: headers and the configuration that is served.
      if (/Headers|smartConfiguration$/.test(path.join('.'))) continue;
      const file = changed({ root: largest() }, ['root', ...path, 'unheard-of'], 1) as { root: unknown };
      expect(problemsIn(file.root), path.join('.')).to.have.lengthOf(1);
    }
  });
});

describe('the schema and the checks of the handler', () => {
  /** The same settings, given to those who use them. */
  function accepts(build: () => void): boolean {
    try {
      build();
      return true;
    } catch (error) {
      if (error instanceof ConfigError || error instanceof TypeError) return false;
      throw error;
    }
  }

  function handlerAccepts(file: ReturnType<typeof largest>): boolean {
    const { smart, token, baseUrl, fhirVersion } = file;
    const { adminAccessTypes, bulkDataAccessTypes, isUserScopeAllowedForSystemExport, ...options } = file.access;
    return accepts(() => {
      new SMARTHandler(
        smart as never,
        baseUrl,
        fhirVersion,
        adminAccessTypes,
        bulkDataAccessTypes,
        isUserScopeAllowedForSystemExport,
        { ...options, token } as unknown as SMARTHandlerOptions,
      );
      const { jwksEndpoint, jwksHeaders, tokenIntrospection, expectedIssValue, expectedAudValue, scopeKey } =
        smart as unknown as Record<string, never>;
      createTokenVerifier({
        ...token,
        issuer: expectedIssValue!,
        audience: expectedAudValue!,
        scopeClaim: scopeKey,
        jwksEndpoint,
        jwksHeaders,
        introspection: { ...(tokenIntrospection as unknown as object), ...token.introspection } as never,
      });
    });
  }

  function gatewayAccepts(file: ReturnType<typeof largest>): boolean {
    return accepts(() => {
      const gateway = omit(file.gateway, 'listen', 'redis', 'log');
      void gatewaySettings({ ...gateway, baseUrl: file.baseUrl, fhirVersion: file.fhirVersion }).dispatcher.destroy();
    });
  }

  const strange = fc.oneof(
    fc.constantFrom<unknown>('', 'x', 'read', 'https://u:p@x.example', 'ftp://x', '4.0.1', 'Ünï', 'a b', 'x\n'),
    fc.constantFrom<unknown>(-1, 0, 1, 1.5, 1e3, 1e9, 1e16, true, false, null),
    fc.constantFrom<unknown>([], [''], ['read'], ['x', 1], [null], {}, { x: 'y' }, { requires: ['read'] }),
  );

  /** Where the types of TypeScript say more than the handler checks: switches, and what is only ever looked up by name. */
  const unchecked =
    /^access\.(?:isUser|patientExport|decode|membership\.(?:patientLink|groupMember)$|operations\.\$lastn\.judges)|^access\.(?:membership|adminRules|operations|customSearchParameters|writesWithoutLookup|encounterContext)$/;

  it('accept and refuse the same: smart, access and token', () => {
    const paths = pathsIn(largest()).filter(
      ([first, ...rest]) =>
        ['smart', 'access', 'token', 'baseUrl', 'fhirVersion'].includes(String(first)) &&
        !(rest.length === 0 && first !== 'baseUrl' && first !== 'fhirVersion'),
    );
    let accepted = 0;
    fc.assert(
      fc.property(fc.constantFrom(...paths), strange, (path, value) => {
        const file = changed(largest(), path, value) as ReturnType<typeof largest>;
        if (unchecked.test(path.join('.'))) return;
        // Programs may write null for what is absent; a file has a better way.
        if (value === null && path.at(-2) !== 'acceptedTypes') return;
        // An empty header has no use, and no type has an empty name.
        if (value === '' && path.includes('jwksHeaders')) return;
        if (String(path[1]).endsWith('AccessTypes') && ['""', '[""]'].includes(JSON.stringify(value))) return;
        const schema = problemsIn(file).length === 0;
        if (schema) accepted += 1;
        expect(schema, `${path.join('.')} = ${JSON.stringify(value)}`).to.equal(handlerAccepts(file));
      }),
      { numRuns: 2000 },
    );
    expect(accepted).to.be.greaterThan(100);
  });

  it('accept the same limits, to the number', () => {
    const limits = pathsIn(largest()).filter((path) => {
      const value = path.reduce<unknown>((at, step) => (at as Json)[step], largest());
      return typeof value === 'number' && path[0] !== 'smart' && path.at(-2) !== 'listen';
    });
    expect(limits.length).to.be.greaterThan(20);
    for (const path of limits) {
      for (const edge of [
        0, 1, 9, 10, 255, 256, 300, 301, 999, 1000, 1023, 1024, 1025, 60_000, 60_001, 65_536, 65_537,
      ]) {
        const file = changed(largest(), path, edge) as ReturnType<typeof largest>;
        // Two limits of the gateway are bound to one another.
        if (path.at(-1) === 'headersTimeoutMs') file.gateway.requestTimeoutMs = 300_000;
        if (path.at(-1) === 'maxBodyBytes') continue;
        const users = path[0] === 'gateway' ? gatewayAccepts(file) : handlerAccepts(file);
        expect(problemsIn(file).length === 0, `${path.join('.')} = ${edge}`).to.equal(users);
      }
    }
  });

  it('accept the same: gateway', () => {
    const own = /^gateway(?:$|\.(?:listen|redis|log|basePath|realm|hideForbidden|explain|maxBodyBytes))/;
    const paths = pathsIn(largest()).filter((path) => path[0] === 'gateway' && !own.test(path.join('.')));
    fc.assert(
      fc.property(fc.constantFrom(...paths), strange, (path, value) => {
        const file = changed(largest(), path, value) as ReturnType<typeof largest>;
        // Two limits of the gateway are bound to one another.
        if (path.at(-1) === 'headersTimeoutMs') file.gateway.requestTimeoutMs = 300_000;
        const schema = problemsIn(file).length === 0;
        // The file is stricter: credentials in a URL, texts that are empty, null for what is absent, lists for objects.
        if (Array.isArray(value) && path.at(-1) === 'upstreamHeaders') return;
        if (['', '[""]', 'null'].includes(typeof value === 'string' ? value : JSON.stringify(value))) return;
        if (typeof value === 'string' && value.includes('u:p@')) return;
        expect(schema, `${path.join('.')} = ${JSON.stringify(value)}`).to.equal(gatewayAccepts(file));
      }),
      { numRuns: 600 },
    );
  });
});

describe('readConfigFile', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'config-file-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  async function failure(content: string | Uint8Array): Promise<string> {
    const path = join(directory, 'authz.json');
    await writeFile(path, content);
    return readConfigFile(path, { name: 'authz.json', env: {} }).then(
      () => 'it was read',
      (error: unknown) => (error as Error).message,
    );
  }

  it('reads a file', async () => {
    const path = join(directory, 'good.json');
    await writeFile(path, JSON.stringify(smallest()));
    expect(await readConfigFile(path)).to.deep.equal(smallest());
  });

  it('says why a file cannot be read', async () => {
    expect(await failure('{')).to.match(/^authz\.json: line 1, column 2: /);
    expect(await failure('\ufeff{}')).to.include('byte order mark');
    expect(await failure(Buffer.from([0x7b, 0xff, 0x7d]))).to.equal(
      'authz.json: is not UTF-8: save it in this encoding',
    );
    expect(await failure(' '.repeat(1_100_000))).to.equal('authz.json: is larger than 1048576 bytes');
    const missing = await readConfigFile(join(directory, 'none.json'), { name: 'none.json' }).catch(String);
    expect(missing).to.equal('Error: none.json: cannot be read: ENOENT');
    const folder = await readConfigFile(directory, { name: 'folder' }).catch(String);
    expect(folder).to.equal('Error: folder: cannot be read: EISDIR');
  });
});
