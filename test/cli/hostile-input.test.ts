import { chmod, chown, lstat, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import type { TestServer } from '../backend-services/http-server.js';
import { sendJson, startServer } from '../backend-services/http-server.js';
import { ecKey } from '../backend-services/test-keys.js';
import { commandLine, useDirectory } from './command-line.js';
import type { Outcome } from './command-line.js';

/** Whatever could steer a terminal, turn the reading direction, or hide in a line; a line break inside a line, too. */
const STEERING = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

describe('cli: what a stranger may write, and what must not be repeated', () => {
  const at = useDirectory();
  const registering = (jwks: string, ...argv: string[]): string[] => [
    ...['register', '--registry', at('r.json'), '--scope', 'system/*.rs', '--jwks', jwks],
    ...argv,
  ];

  beforeEach(async () => {
    await writeFile(at('key.pem'), (await ecKey()).privatePem, { mode: 0o600 });
    await writeFile(at('jwks.json'), JSON.stringify({ keys: [(await ecKey()).publicJwk] }));
  });

  describe('an authorization server that writes to the terminal', () => {
    let server: TestServer;
    let body: unknown;
    let status: number;
    before(async () => {
      server = await startServer((_request, response) => sendJson(response, status, body));
    });
    after(() => server.close());
    const token = (...argv: string[]): Promise<Outcome> =>
      commandLine([
        ...['token', '--token-endpoint', `${server.origin}/token`, '--allow-insecure-loopback'],
        ...['--client-id', 'c', '--key', at('key.pem'), '--scope', 'system/Patient.rs', ...argv],
      ]);

    it('with the scopes that it grants', async () => {
      const scope =
        'system/Patient.rs \u001b[2Jsystem/*.cruds\u009b31m \u202ex\u2066 \u{e0041}\u00ad\r\nwarning: all is well';
      body = { access_token: 'abc', token_type: 'bearer', expires_in: 300, scope };
      status = 200;
      for (const argv of [[], ['--json'], ['--out', at('token.txt')]]) {
        const { exitCode, stdout, stderr } = await token(...argv);
        expect(exitCode).to.equal(0);
        expect(stdout + stderr).not.to.match(STEERING);
        expect(stderr.split('\n')).not.to.include.members(['warning: all is well']);
        expect(stderr).not.to.match(/^warning: all/m);
      }
      expect(JSON.parse((await token('--json')).stdout)).to.include({ scope });
    });

    it('with the error by which it refuses', async () => {
      body = { error: 'bad\u001b[2J', error_description: 'x\u001b]0;title\u0007\nerror: none' };
      status = 400;
      for (const argv of [[], ['--json']]) {
        const { exitCode, stderr } = await token(...argv);
        expect(exitCode).to.equal(4);
        expect(stderr).not.to.match(STEERING);
        expect(stderr.trim().split('\n')).to.have.length(1);
      }
    });
  });

  it('a token with invisible characters in its claims shows them', async () => {
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const hidden = '\u{e0041}\u{e007f}\u00ad\u180e\ufff9\u{1d173}\u202e\u001b[2J\u0085';
    const jwt = `${part({ alg: 'RS384', kid: hidden, typ: hidden })}.${part({ iss: hidden, [hidden]: 'x\nno defects' })}.c2ln`;
    for (const argv of [[], ['--json']]) {
      const { stdout } = await commandLine(['inspect', '-', ...argv], { stdin: jwt });
      expect(stdout).not.to.match(STEERING);
      expect(stdout)
        .to.include('\\udb40\\udc41')
        .and.not.to.match(/^no defects/m);
    }
    const report = JSON.parse((await commandLine(['inspect', '-', '--json'], { stdin: jwt })).stdout) as {
      payload: Record<string, unknown>;
    };
    expect(report.payload['iss']).to.equal(hidden);
  });

  it('a token that is nested without end is malformed, and no fault of this program', async () => {
    const part = (text: string): string => Buffer.from(text).toString('base64url');
    for (const depth of [1_000, 50_000, 300_000]) {
      const deep = `${'['.repeat(depth)}${']'.repeat(depth)}`;
      for (const parts of [
        [`{"alg":"RS384"}`, `{"iss":${deep}}`],
        [`{"alg":"RS384","kid":${deep}}`, '{}'],
        ['{"alg":"RS384"}', '{"a":'.repeat(depth)],
      ]) {
        for (const argv of [[], ['--json']]) {
          const stdin = `${parts.map(part).join('.')}.c2ln`;
          const { exitCode, stdout, stderr } = await commandLine(['inspect', '-', ...argv], { stdin });
          expect([exitCode === 5, stderr.includes('unexpected')], String(depth)).to.deep.equal([false, false]);
          if (exitCode === 1) expect(stdout).to.include('malformed');
        }
      }
    }
  });

  describe('a secret where a file or name belongs', () => {
    const rest = ['--client-id', 'a', '--aud', 'https://as.example/token'];

    it('is not repeated, whatever it is', async () => {
      const { privatePem, privateJwk } = await ecKey();
      const bare = privatePem.split('\n').slice(1, -2).join('');
      const opaque = 'AQAAnVyT3R4m9secretOpaque77';
      const secrets = [JSON.stringify(privateJwk), JSON.stringify({ access_token: opaque }), ` { "k": "${opaque}" }`];
      for (const secret of [...secrets, `Bearer ${opaque}`, opaque, bare, privatePem]) {
        for (const argv of [
          ['inspect', secret],
          ['jwks', secret],
          ['assertion', '--key', secret, ...rest],
          ['inspect', '-', '--keys', secret],
          ['inspect', '-', '--config', secret],
          registering(secret),
          registering('x', '--allow-published-key', secret),
        ]) {
          const { exitCode, stdout, stderr } = await commandLine(argv, { stdin: 'a.b.c' });
          expect(exitCode).to.be.oneOf([2, 3]);
          for (const piece of [opaque, bare.slice(20, 60), String(privateJwk['d'])])
            expect(stdout + stderr, argv[0]).not.to.include(piece);
        }
      }
    });

    it('a name of a file is told', async () => {
      for (const name of [
        'missing.pem',
        '/nowhere/client-2026.private.pem',
        'C0ffee.json',
        '9f8e7d6c-1b2a-4c3d-8e9f-aabbccddeeff',
      ]) {
        expect((await commandLine(['inspect', name])).stderr).to.include(name);
      }
    });

    it('a password for Redis is refused as an argument, wherever in the URL', async () => {
      for (const url of [
        'redis://:hunter2@127.0.0.1:1',
        'redis://127.0.0.1:1/0?password=hunter2',
        'redis://127.0.0.1:1?PASSWORD=hunter2',
      ]) {
        const argv = ['register', '--redis', url, '--scope', 'system/*.rs', '--jwks', at('jwks.json')];
        const { exitCode, stderr } = await commandLine(argv);
        expect(exitCode, url).to.equal(2);
        expect(stderr).to.include('SMART_REDIS_URL').and.not.to.include('hunter2');
      }
    });
  });

  describe('a registry that is not where it seems', () => {
    const register = (file: string, ...argv: string[]): Promise<Outcome> =>
      commandLine(['register', '--registry', file, '--scope', 'system/*.rs', '--jwks', at('jwks.json'), ...argv]);
    const idsIn = async (file: string): Promise<unknown[]> =>
      (JSON.parse(await readFile(file, 'utf8')) as { client_id: string }[]).map((client) => client.client_id);

    beforeEach(async () => {
      await mkdir(at('real'));
      await writeFile(at('real/clients.json'), '[]', { mode: 0o640 });
      await symlink(at('real/clients.json'), at('link.json'));
      await symlink('link.json', at('link-to-link.json'));
    });

    it('a link stays one, and what it points to gets the client', async () => {
      expect((await register(at('link-to-link.json'), '--client-id', 'a')).exitCode).to.equal(0);
      for (const link of ['link.json', 'link-to-link.json'])
        expect((await lstat(at(link))).isSymbolicLink()).to.equal(true);
      expect(await idsIn(at('real/clients.json'))).to.deep.equal(['a']);
      expect((await stat(at('real/clients.json'))).mode & 0o777).to.equal(0o640);
    });

    it('by two names at a time nothing is lost', async () => {
      const names = ['real/clients.json', 'link.json', 'link-to-link.json'];
      const outcomes = await Promise.all(
        Array.from({ length: 12 }, (_, index) => register(at(names[index % 3]!), '--client-id', `c${index}`)),
      );
      expect(outcomes.map(({ exitCode }) => exitCode)).to.deep.equal(Array(12).fill(0));
      expect(await idsIn(at('real/clients.json'))).to.have.length(12);
    });

    it('one that everybody may change is warned of: whoever writes to it is a client', async function () {
      if (process.platform === 'win32') this.skip();
      await chmod(at('real/clients.json'), 0o666);
      const { exitCode, stderr } = await register(at('link.json'), '--client-id', 'a');
      expect([exitCode, stderr.split('\n').length]).to.deep.equal([0, 2]);
      expect(stderr).to.match(/^warning: .*link\.json can be changed by others \(mode 666\)/);
      for (const mode of [0o664, 0o644, 0o600]) {
        await chmod(at('real/clients.json'), mode);
        expect((await register(at('link.json'), '--client-id', `m${mode}`)).stderr).to.equal('');
      }
    });

    it('a link to nothing is an error, and stays as it is', async () => {
      await symlink(at('gone.json'), at('dangling.json'));
      const { exitCode, stderr } = await register(at('dangling.json'));
      expect([exitCode, (await lstat(at('dangling.json'))).isSymbolicLink()]).to.deep.equal([3, true]);
      expect(stderr).to.include('cannot read the client registry');
    });

    it('keeps its owner, so that the server can still read it', async function () {
      // Only root can give a file away.
      if (process.getuid?.() !== 0) this.skip();
      await chown(at('real/clients.json'), 1234, 1235);
      await chmod(at('real/clients.json'), 0o600);
      expect((await register(at('real/clients.json'))).exitCode).to.equal(0);
      const { uid, gid, mode } = await stat(at('real/clients.json'));
      expect([uid, gid, mode & 0o777]).to.deep.equal([1234, 1235, 0o600]);
    });
  });

  it('a client that is registered again does not inherit the tokens of the one before; one that is replaced keeps them', async () => {
    const argv = registering(at('jwks.json'), '--client-id', 'c');
    const issuedAt = async (): Promise<unknown> =>
      (JSON.parse(await readFile(at('r.json'), 'utf8')) as Record<string, unknown>[])[0]!['client_id_issued_at'];
    const before = Math.floor(Date.now() / 1000);
    expect((await commandLine(argv)).exitCode).to.equal(0);
    const first = await issuedAt();
    expect(first).to.be.within(before, before + 60);
    expect((await commandLine([...argv, '--replace'], { now: () => Date.now() + 100_000 })).exitCode).to.equal(0);
    expect(await issuedAt()).to.equal(first);
    await writeFile(at('r.json'), '[]');
    expect((await commandLine([...argv, '--replace'], { now: () => Date.now() + 100_000 })).exitCode).to.equal(0);
    expect(await issuedAt()).to.be.greaterThan(Number(first));
  });
});
