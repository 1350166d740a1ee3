import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { createPublicKey } from 'node:crypto';
import { expect } from 'chai';
import { jwtVerify } from 'jose';
import type { SmartServer } from '../backend-services/client/token-server.js';
import { startSmartServer } from '../backend-services/client/token-server.js';
import { facadeGuide } from '../backend-services/data/published-samples.js';
import { sendJson } from '../backend-services/http-server.js';
import { ecKey, rsaKey } from '../backend-services/test-keys.js';
import { commandLine, useDirectory } from './command-line.js';
import type { Outcome, Surroundings } from './command-line.js';

describe('cli: assertion, token and inspect', () => {
  const at = useDirectory();
  const NOW = facadeGuide.issuedAt;
  const AUD = 'https://as.example/token';

  beforeEach(async () => {
    await writeFile(at('key.pem'), (await ecKey()).privatePem, { mode: 0o600 });
  });

  describe('assertion', () => {
    const assertion = (...argv: string[]): Promise<Outcome> =>
      commandLine(['assertion', '--client-id', 'app', '--aud', AUD, '--key', at('key.pem'), ...argv], {
        now: () => NOW * 1000,
      });

    it('C6, C7: signs one that verifies', async () => {
      const { exitCode, stdout, stderr } = await assertion(
        '--lifetime',
        '300',
        '--jku',
        'https://app.example/jwks.json',
      );
      expect([exitCode, stderr]).to.deep.equal([0, '']);
      const { payload, protectedHeader } = await jwtVerify(stdout.trim(), createPublicKey((await ecKey()).publicPem), {
        audience: AUD,
        currentDate: new Date(NOW * 1000),
      });
      expect(payload).to.include({ iss: 'app', sub: 'app', exp: NOW + 300 });
      expect(protectedHeader).to.deep.equal({
        alg: 'ES384',
        kid: (await ecKey()).kid,
        typ: 'JWT',
        jku: 'https://app.example/jwks.json',
      });
    });

    it('prints the two form parameters with --json', async () => {
      const body = JSON.parse((await assertion('--json')).stdout) as Record<string, string>;
      expect(Object.keys(body)).to.deep.equal(['client_assertion_type', 'client_assertion']);
    });

    it('is found without fault by inspect', async () => {
      const { stdout } = await assertion();
      await writeFile(at('keys.pem'), (await ecKey()).publicPem);
      const { exitCode, stdout: report } = await commandLine(
        ['inspect', '-', '--client-id', 'app', '--aud', AUD, '--keys', at('keys.pem'), '--at', String(NOW)],
        { stdin: stdout },
      );
      expect(exitCode).to.equal(0);
      expect(report).to.include('no defects').and.to.include('signature valid');
    });

    it('C13: refuses what no server should take', async () => {
      expect((await assertion('--aud', 'http://as.example/token')).exitCode).to.equal(3);
      expect((await assertion('--jku', 'http://app.example/jwks.json')).exitCode).to.equal(3);
      expect((await assertion('--lifetime', '36000')).exitCode).to.equal(3);
      expect((await assertion('--lifetime', '-1')).exitCode).to.equal(2);
      await writeFile(at('key.pem'), (await ecKey()).publicPem);
      expect((await assertion()).exitCode).to.equal(3);
    });

    it('warns about a key file that others can read, and not about one of mode 600', async () => {
      await chmod(at('key.pem'), 0o644);
      const { exitCode, stderr } = await assertion();
      expect(exitCode).to.equal(0);
      expect(stderr).to.include('mode 644').and.to.include('chmod 600');
    });
  });

  describe('token', () => {
    let server: SmartServer;
    beforeEach(async () => {
      server = await startSmartServer(await ecKey());
    });
    afterEach(() => server.close());
    const token = (...argv: string[]): Promise<Outcome> =>
      commandLine([
        ...['token', '--fhir', server.fhirBase, '--client-id', 'app', '--key', at('key.pem')],
        ...['--scope', 'system/Patient.rs', '--allow-insecure-loopback', ...argv],
      ]);

    it('prints the token alone, and the rest to standard error', async () => {
      expect(await token()).to.deep.equal({
        exitCode: 0,
        stdout: 'token-1\n',
        stderr: 'granted system/Patient.rs, for 300 s\n',
      });
      expect(server.tokenRequests[0]?.payload).to.include({ iss: 'app', aud: server.tokenEndpoint });
    });

    it('says where the grant differs from the request', async () => {
      server.tokenBody = { scope: 'system/Patient.* system/Observation.r' };
      expect((await token()).stderr).to.include('beyond the request: system/Patient.* system/Observation.r');
      server.tokenBody = { scope: 'system/Patient.r' };
      expect((await token()).stderr).to.include('not granted in full: system/Patient.rs');
      expect(JSON.parse((await token('--json')).stdout)).to.deep.equal({
        access_token: 'token-3',
        token_type: 'Bearer',
        expires_in: 300,
        scope: 'system/Patient.r',
        narrowed: ['system/Patient.rs'],
        widened: [],
      });
    });

    it('writes the token to a file of mode 600 and prints it nowhere', async () => {
      for (const more of [[], ['--json', '--force']]) {
        const { exitCode, stdout, stderr } = await token('--out', at('token'), ...more);
        expect(exitCode).to.equal(0);
        const written = (await readFile(at('token'), 'utf8')).trim();
        expect(stdout + stderr).not.to.include(written);
        expect((await stat(at('token'))).mode & 0o777).to.equal(0o600);
      }
      expect((await token('--out', at('token'))).exitCode).to.equal(3);
      // Found out before the server was asked for a token that could not be kept.
      expect(server.tokenRequests).to.have.length(2);
    });

    it('exits with 4 when the server refuses, with status, error and description', async () => {
      for (let time = 0; time < 2; time += 1) {
        server.tokenAnswers.push((_, response) =>
          sendJson(response, 400, { error: 'invalid_client', error_description: 'no such key\u001b[2J' }),
        );
      }
      const { exitCode, stdout, stderr } = await token();
      expect([exitCode, stdout]).to.deep.equal([4, '']);
      expect(stderr).to.include('400').and.to.include('invalid_client').and.to.include('no such key?[2J');
      expect(JSON.parse((await token('--json')).stderr)).to.include({
        code: 'ERR_TOKEN_REQUEST',
        status: 400,
        error: 'invalid_client',
      });
    });

    it('takes the token endpoint alone, a key from standard input, and the other kid rule', async () => {
      const { privatePem } = await ecKey();
      const { exitCode } = await commandLine(
        [
          ...[
            'token',
            '--token-endpoint',
            server.tokenEndpoint,
            '--client-id',
            'app',
            '--key',
            '-',
            '--kid-rule',
            'pem-sha256',
          ],
          ...['--scope', 'system/Patient.rs', '--allow-insecure-loopback', '--timeout', '3000'],
        ],
        { stdin: privatePem },
      );
      expect(exitCode).to.equal(0);
      expect(server.tokenRequests[0]?.header.kid).to.match(/^[\w-]{16}$/);
      expect(server.seen).to.have.length(1);
    });

    it('C13: refuses http without the opt-in, and says so', async () => {
      const argv = ['token', '--fhir', server.fhirBase, '--client-id', 'a', '--key', at('key.pem'), '--scope', 'a'];
      expect((await commandLine(argv)).exitCode).to.equal(3);
      expect(server.seen).to.have.length(0);
      expect(
        (await commandLine(['token', '--client-id', 'a', '--key', at('key.pem'), '--scope', 'a'])).exitCode,
      ).to.equal(2);
    });
  });

  describe('inspect', () => {
    const inspect = (text: string, argv: string[] = [], more: Surroundings = {}): Promise<Outcome> =>
      commandLine(['inspect', '-', ...argv], { stdin: text, now: () => NOW * 1000, ...more });

    it('sample: names the missing kid and jti and the ten hours of the published assertion', async () => {
      await writeFile(at('guide.pem'), facadeGuide.publicPem);
      const { exitCode, stdout } = await inspect(facadeGuide.assertion, ['--keys', at('guide.pem')]);
      expect(exitCode).to.equal(1);
      expect(stdout).to.include('kind client-assertion').and.to.include('signature valid');
      for (const found of ['kid-missing', 'jti-missing', 'aud-not-https', 'key-published', '36000 s (10 hours)']) {
        expect(stdout, found).to.include(found);
      }
      expect(stdout).not.to.include(facadeGuide.assertion.split('.')[2]!);
    });

    it('sample: judges the published access token against a config', async () => {
      const issuer = 'http://192.168.40.133:8081/openid-connect-server-webapp';
      await writeFile(
        at('config.json'),
        JSON.stringify({ version: 1, expectedIssValue: issuer, expectedAudValue: ['https://fhir.example'] }),
      );
      await writeFile(at('token'), JSON.stringify({ access_token: facadeGuide.accessToken, token_type: 'Bearer' }));
      const { exitCode, stdout } = await commandLine([
        'inspect',
        at('token'),
        '--config',
        at('config.json'),
        '--at',
        '2024-02-28T22:10:00Z',
        '--json',
      ]);
      expect(exitCode).to.equal(1);
      const report = JSON.parse(stdout) as { kind: string; defects: { code: string }[] };
      expect(report.kind).to.equal('access-token');
      expect(report.defects.map(({ code }) => code)).to.include.members([
        'iss-unexpected',
        'aud-missing',
        'typ-missing',
        'scope-missing',
      ]);
      const told = await commandLine([
        'inspect',
        at('token'),
        '--config',
        at('config.json'),
        '--iss',
        `${issuer}/`,
        '--at',
        '1709158200',
        '--json',
      ]);
      expect(told.stdout).not.to.include('iss-unexpected');
    });

    describe('an audience that is an expression', () => {
      const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
      const token = (aud: unknown): string =>
        `${encode({ alg: 'RS256', kid: 'a', typ: 'at+jwt' })}.${encode({ iss: 'https://as.example', aud, scope: 'openid' })}.c2ln`;
      const judged = async (audience: unknown, aud: unknown, config?: object): Promise<Outcome> => {
        await writeFile(at('config.json'), JSON.stringify(config ?? { expectedAudValue: audience }));
        return inspect(token(aud), ['--config', at('config.json')], { env: { AUD: 'https://fhir.example/r4' } });
      };
      const pattern = '^https://fhir[.]example/(?:r4|r5)$';

      it('is compared as a whole, for each audience of the token', async () => {
        for (const aud of ['https://fhir.example/r4', ['https://other.example', 'https://fhir.example/r5']]) {
          const { stdout, stderr } = await judged({ pattern }, aud);
          expect(stdout, JSON.stringify(aud)).not.to.include('aud-unexpected');
          expect(stderr).to.equal('');
        }
        for (const aud of ['https://fhir.example/r4.evil.test', 'https://fhirXexample/r4', ['x'], [5], 'r4']) {
          const { stdout, exitCode } = await judged({ pattern }, aud);
          expect(stdout, JSON.stringify(aud)).to.include(`a match of /^https:\\/\\/fhir[.]example`);
          expect(exitCode).to.equal(1);
        }
        expect(
          (await judged({ pattern: pattern.toUpperCase(), flags: 'i' }, 'https://fhir.example/r4')).stdout,
        ).not.to.include('aud-unexpected');
      });

      it('comes with where the server looks for the patient', async () => {
        const smart = { fhirUserClaimPath: 'fhirUser', launchContextPathPrefix: 'launch_response_' };
        await writeFile(at('config.json'), JSON.stringify({ smart }));
        const claims = { iss: 'https://as.example', aud: 'a', scope: 'patient/*.rs', patient: '1' };
        const header = { alg: 'RS256', kid: 'a', typ: 'at+jwt' };
        const { stdout } = await inspect(`${encode(header)}.${encode(claims)}.c2ln`, ['--config', at('config.json')]);
        expect(stdout).to.include('patient-missing').and.to.include('launch_response_patient');
      });

      it('is judged the same every time, whatever its flags', async () => {
        for (const flags of ['g', 'y', 'gy']) {
          const { stdout } = await judged({ pattern, flags }, ['https://fhir.example/r4', 'https://fhir.example/r4']);
          expect(stdout, flags).not.to.include('aud-unexpected');
        }
      });

      it('serves for an assertion, and below "smart", as in the file of the gateway', async () => {
        await writeFile(at('config.json'), JSON.stringify({ audience: { pattern: '^https://as[.]example/token$' } }));
        const { stdout } = await inspect(facadeGuide.assertion, ['--config', at('config.json')]);
        expect(stdout).to.include('aud-unexpected');
        const nested = { smart: { expectedAudValue: { pattern } }, baseUrl: 'https://fhir.example/r4' };
        expect((await judged(undefined, 'https://evil.test', nested)).stdout).to.include('aud-unexpected');
        expect((await judged(undefined, 'https://fhir.example/r4', nested)).stdout).not.to.include('aud-unexpected');
        for (const [aud, code] of [
          ['https://fhir.example/r4', false],
          ['https://evil.test', true],
        ] as const) {
          expect((await judged({ env: 'AUD' }, aud)).stdout.includes('aud-unexpected')).to.equal(code);
        }
      });

      it('hole-20: is warned of where it is not anchored', async () => {
        for (const loose of ['https://fhir.example', '^https://fhir', 'r4$', '^a|b$', '^r4\\$']) {
          const { stderr } = await judged({ pattern: loose }, 'https://fhir.example/r4');
          expect(stderr, loose).to.include('expectedAudValue is not anchored');
        }
        for (const whole of ['^r4$', '^(?:a|b)$', '^[|]$', '^a\\|b$', '^r4\\\\$']) {
          expect((await judged({ pattern: whole }, 'r4')).stderr, whole).to.equal('');
        }
      });

      it('is refused where it cannot be read', async () => {
        for (const audience of [
          { pattern: '(' },
          { pattern: 5 },
          { pattern, flags: 'q' },
          { pattern, x: 1 },
          {},
          [5],
          5,
        ]) {
          const { exitCode, stderr } = await judged(audience, 'x');
          expect(exitCode, JSON.stringify(audience)).to.equal(3);
          expect(stderr).to.include('expectedAudValue');
        }
        expect((await judged({ env: 'NOT_SET' }, 'x')).exitCode).to.equal(3);
      });
    });

    it('takes a key set with the keys of an authorization server', async () => {
      const { publicJwk } = await rsaKey();
      const rs256 = { kty: 'RSA', kid: 'rsa1', alg: 'RS256', n: (publicJwk as { n: string }).n, e: 'AQAB' };
      await writeFile(at('config.json'), JSON.stringify({ jwks: { keys: [rs256] } }));
      await writeFile(at('jwks.json'), JSON.stringify({ keys: [rs256] }));
      for (const option of ['--config', '--keys']) {
        const file = option === '--config' ? at('config.json') : at('jwks.json');
        expect((await inspect(facadeGuide.accessToken, [option, file])).stdout).to.include('signature-invalid');
      }
    });

    it('shows nothing of a token that could steer a terminal', async () => {
      const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
      const payload = { iss: 'a\u001b[31m\u009b31m\u202e', scope: 'system/\u0007.rs' };
      for (const argv of [[], ['--json']]) {
        const { stdout } = await inspect(`${encode({ alg: 'RS256' })}.${encode(payload)}.c2ln`, argv);

        expect(stdout).not.to.match(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
        expect(stdout).to.include('\\u009b');
      }
    });

    it('refuses configs and times that it cannot read', async () => {
      await writeFile(at('bad.json'), '{"expectedAudValue": 5}');
      expect((await inspect(facadeGuide.assertion, ['--config', at('bad.json')])).exitCode).to.equal(3);
      await writeFile(at('bad.json'), 'not JSON');
      expect((await inspect(facadeGuide.assertion, ['--config', at('bad.json')])).exitCode).to.equal(3);
      expect((await inspect(facadeGuide.assertion, ['--at', 'tomorrow'])).exitCode).to.equal(2);
      expect((await inspect(facadeGuide.assertion, ['--keys', '-'])).exitCode).to.equal(2);
      expect((await inspect('')).exitCode).to.equal(1);
    });
  });
});
