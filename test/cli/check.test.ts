import { writeFile } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { Advice } from '../../src/config-file/advice/advice.js';
import type { Asked } from '../../src/config-file/advice/live.js';
import { smallest } from '../config-file/settings.js';
import { commandLine, useDirectory } from './command-line.js';

const KEY = { kty: 'EC', crv: 'P-256', kid: 'k1', x: 'x', y: 'y', use: 'sig', alg: 'ES256' };

describe('smart-fhir-authz check', () => {
  const file = useDirectory();
  let server: Server;
  let origin = '';
  let answers: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {};
  let asked: string[] = [];

  before(async () => {
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      const answer = answers[request.url ?? ''];
      if (answer) answer(request, response);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    asked = [];
    answers = {
      '/jwks': json({ keys: [KEY] }),
      '/.well-known/openid-configuration': json({
        issuer: origin,
        jwks_uri: `${origin}/jwks`,
        scopes_supported: ['openid', 'patient/*.rs'],
        id_token_signing_alg_values_supported: ['ES256'],
      }),
    };
  });

  function json(value: unknown) {
    return (_: IncomingMessage, response: ServerResponse): void => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
  }

  function config(change: object = {}, smart: object = {}): object {
    return {
      smart: {
        ...smallest().smart,
        expectedAudValue: origin,
        expectedIssValue: origin,
        jwksEndpoint: `${origin}/jwks`,
        ...smart,
      },
      baseUrl: origin,
      fhirVersion: '4.0.1',
      access: { adminAccessTypes: [] },
      token: { acceptedTypes: ['at+jwt'] },
      ...change,
    };
  }

  async function check(value: unknown, ...options: string[]) {
    const path = file('authz.json');
    await writeFile(path, typeof value === 'string' ? value : JSON.stringify(value, null, 2));
    return commandLine(['check', path, ...options]);
  }

  interface Printed {
    readonly valid: boolean;
    readonly advice: readonly Advice[];
    readonly asked: readonly Asked[];
    readonly scopes: readonly string[];
    readonly problems: readonly { readonly key: string }[];
  }

  async function live(value: unknown, ...options: string[]): Promise<Printed & { exitCode: number }> {
    const { stdout, exitCode } = await check(value, '--live', '--json', ...options);
    return { ...(JSON.parse(stdout) as Printed), exitCode };
  }

  it('finds nothing wrong with what is right, and asks nobody', async () => {
    const { exitCode, stdout } = await check(config());
    expect(stdout).to.match(/authz\.json is valid\n\nnothing to advise\n$/);
    expect(exitCode).to.equal(0);
    expect(asked).to.deep.equal([]);
  });

  it('tells all mistakes of a file that is not, as text and as JSON', async () => {
    const broken = config({ fhirVersion: 'R4', typo: 1 });
    const told = await check(broken);
    expect(told.exitCode).to.equal(3);
    expect(told.stderr).to.include('fhirVersion: must be one of').and.to.include('typo: is no key');
    const printed = await check(broken, '--json');
    expect(printed.exitCode).to.equal(3);
    const { valid, problems } = JSON.parse(printed.stdout) as Printed;
    expect(valid).to.equal(false);
    expect(problems.map(({ key }) => key)).to.deep.equal(['fhirVersion', 'typo']);
  });

  it('ends with 1 for a danger, and with --strict for a warning', async () => {
    const danger = await check(config({}, { expectedAudValue: { pattern: 'fhir' } }));
    expect(danger.exitCode).to.equal(1);
    expect(danger.stdout).to.match(
      /\[danger\] smart\.expectedAudValue {2}\(audience-unanchored\)\n {2}.+\.\n {2}→ .+\./,
    );
    expect(danger.stdout).to.include('1 danger');
    const warning = config({}, { fhirUserClaimPath: 'profile' });
    expect((await check(warning)).exitCode).to.equal(0);
    expect((await check(warning, '--strict')).exitCode).to.equal(1);
  });

  it('takes the scopes that are given', async () => {
    const { stdout } = await check(config(), '--scope', 'patient/*.rs user/*.rs');
    expect(stdout).to.include('[warning] user/*.rs  (scope-ignored)');
  });

  it('takes a SMARTConfig by itself', async () => {
    const { smart } = config() as { smart: object };
    expect((await check(smart)).exitCode).to.equal(0);
  });

  describe('--live', () => {
    it('agrees with a server that says the same', async () => {
      const { advice, exitCode, asked: outcomes, scopes } = await live(config());
      expect(advice).to.deep.equal([]);
      expect(exitCode).to.equal(0);
      expect(scopes).to.deep.equal(['openid', 'patient/*.rs']);
      expect(outcomes.filter(({ outcome }) => outcome === 'read').map(({ url }) => url)).to.deep.equal([
        `${origin}/jwks`,
        `${origin}/.well-known/openid-configuration`,
      ]);
      expect(outcomes.find(({ url }) => url.endsWith('smart-configuration'))).to.include({
        outcome: 'status',
        status: 404,
      });
    });

    it('compares issuer, keys, introspection, algorithms and scopes', async () => {
      answers['/.well-known/smart-configuration'] = json({
        issuer: `${origin}/`,
        jwks_uri: `${origin}/keys`,
        introspection_endpoint: `${origin}/introspect`,
        scopes_supported: ['user/*.rs', 7],
        id_token_signing_alg_values_supported: ['RS256'],
      });
      const tokenIntrospection = { clientId: 'a', clientSecret: { env: 'SECRET' }, introspectUrl: `${origin}/i` };
      const path = file('authz.json');
      await writeFile(
        path,
        JSON.stringify(config({ token: { algorithms: ['ES256'], acceptedTypes: ['at+jwt'] } }, { tokenIntrospection })),
      );
      const { stdout, exitCode } = await commandLine(['check', path, '--live', '--json'], { env: { SECRET: 'x' } });
      const { advice } = JSON.parse(stdout) as Printed;
      expect(advice.map(({ code, key }) => `${code} ${key}`)).to.deep.equal([
        'live-differs smart.expectedIssValue',
        'live-differs smart.jwksEndpoint',
        'live-differs smart.tokenIntrospection.introspectUrl',
        'live-algorithms token.algorithms',
        'scope-ignored user/*.rs',
      ]);
      expect(exitCode).to.equal(1);
    });

    for (const [title, set, code] of [
      ['no key set', { key: [] }, 'live-no-keys'],
      ['no keys', { keys: [] }, 'live-no-keys'],
      ['keys for something else', { keys: [{ ...KEY, use: 'enc' }, { ...KEY, alg: 'ES512' }, 3] }, 'live-no-keys'],
      ['keys without ids', { keys: [{ ...KEY, kid: undefined }] }, 'live-no-key-ids'],
      ['a private key', { keys: [{ ...KEY, d: 'd' }] }, 'live-private-key'],
      ['a secret', { keys: [KEY, { kty: 'oct', k: 'k' }] }, 'live-private-key'],
    ] as const) {
      it(`sees that ${title} is published`, async () => {
        answers['/jwks'] = json(set);
        const { advice, exitCode } = await live(config());
        expect(advice.map((each) => each.code)).to.deep.equal([code]);
        expect(exitCode).to.equal(1);
      });
    }

    it('sends the headers of the file', async () => {
      answers['/jwks'] = (request, response) => {
        if (request.headers['x-key'] === 'k') json({ keys: [KEY] })(request, response);
        else response.writeHead(403).end();
      };
      expect((await live(config({}, { jwksHeaders: { 'x-key': 'k' } }))).exitCode).to.equal(0);
      expect((await live(config())).exitCode).to.equal(4);
    });

    it('follows no redirect, reads no more than it has to, and takes only JSON', async () => {
      const faults: Record<string, (response: ServerResponse) => void> = {
        'status 302': (response) => response.writeHead(302, { location: `${origin}/elsewhere` }).end(),
        'too-large 200': (response) => response.writeHead(200).end(`{"keys": "${'x'.repeat(300_000)}"}`),
        'not-json 200': (response) => response.writeHead(200).end('<html>'),
        network: (response) => response.destroy(),
      };
      for (const [fault, fail] of Object.entries(faults)) {
        answers['/jwks'] = (_, response) => {
          fail(response);
        };
        const { advice, exitCode } = await live(config());
        expect(advice[0]?.code, fault).to.equal('live-no-answer');
        expect(advice[0]?.reason, fault).to.include(`(${fault})`);
        expect(exitCode).to.equal(4);
      }
      expect(asked).not.to.include('/elsewhere');
    });

    it('says so when nothing can be compared', async () => {
      answers = { '/jwks': json({ keys: [KEY] }) };
      const { advice, exitCode } = await live(config());
      expect(advice.map(({ code }) => code)).to.deep.equal(['live-no-configuration']);
      expect(exitCode).to.equal(0);
    });

    it('asks below an issuer with a path as the specifications say', async () => {
      answers = {
        '/jwks': json({ keys: [KEY] }),
        '/.well-known/oauth-authorization-server/tenant': json({ issuer: `${origin}/tenant` }),
      };
      const { advice } = await live(config({}, { expectedIssValue: `${origin}/tenant` }));
      expect(advice).to.deep.equal([]);
      expect(asked).to.include.members([
        '/tenant/.well-known/smart-configuration',
        '/tenant/.well-known/openid-configuration',
        '/.well-known/smart-configuration',
      ]);
    });

    it('shows what a server says without its power over the terminal', async () => {
      answers['/.well-known/openid-configuration'] = json({ issuer: '\u001b[2J\u202eevil' });
      const { stdout } = await check(config(), '--live');
      expect(stdout)
        .to.include('\\u001b[2J\\u202eevil')
        .and.not.to.match(/\u001b|\u202e/);
    });
  });
});
