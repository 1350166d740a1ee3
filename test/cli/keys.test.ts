import { chmod, open, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { createPrivateKey } from 'node:crypto';
import { dirname } from 'node:path';
import { expect } from 'chai';
import { restore, stub } from 'sinon';
import { readKey } from '../../src/backend-services/keys/read.js';
import { thumbprint } from '../../src/backend-services/keys/kid.js';
import { facadeGuide } from '../backend-services/data/published-samples.js';
import { ecKey, rsaKey } from '../backend-services/test-keys.js';
import { commandLine, useDirectory } from './command-line.js';

describe('cli: keygen and jwks', () => {
  const at = useDirectory();
  const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

  describe('keygen', () => {
    it('writes the private key with mode 600, the public one beside it, and prints neither', async () => {
      for (const alg of ['RS384', 'ES384']) {
        const prefix = at(alg);
        const { exitCode, stdout, stderr } = await commandLine([
          'keygen',
          '--alg',
          alg,
          '--out',
          prefix,
          '--jwk',
          '--bits',
          '2048',
        ]);
        expect([exitCode, stderr]).to.deep.equal([0, '']);
        const privatePem = await readFile(`${prefix}.private.pem`, 'utf8');
        const publicPem = await readFile(`${prefix}.public.pem`, 'utf8');
        const jwks = JSON.parse(await readFile(`${prefix}.jwks.json`, 'utf8')) as { keys: Record<string, unknown>[] };
        const jwk = JSON.parse(await readFile(`${prefix}.private.jwk.json`, 'utf8')) as { d: string; kid: string };
        expect(await modeOf(`${prefix}.private.pem`)).to.equal(0o600);
        expect(await modeOf(`${prefix}.private.jwk.json`)).to.equal(0o600);
        expect(readKey(privatePem)).to.include({ type: 'private', alg });
        expect(thumbprint(readKey(privatePem))).to.equal(thumbprint(readKey(publicPem)));
        expect(jwks.keys[0]).to.include({ alg, kid: thumbprint(readKey(publicPem)) });
        expect(jwks.keys[0]).not.to.have.property('d');
        expect(stdout).to.include(jwk.kid);
        for (const secret of [jwk.d, privatePem.split('\n')[1]!]) expect(stdout).not.to.include(secret);
      }
    });

    it('keeps mode 600 whatever the umask is', async () => {
      for (const mask of [0o000, 0o077]) {
        const before = process.umask(mask);
        try {
          await commandLine(['keygen', '--alg', 'ES384', '--out', at(`m${mask}`)]);
        } finally {
          process.umask(before);
        }
        expect(await modeOf(at(`m${mask}.private.pem`))).to.equal(0o600);
        expect(await modeOf(at(`m${mask}.public.pem`))).to.equal(0o644);
      }
    });

    it('leaves nothing behind of what could not be written, so that the next run needs no --force', async () => {
      const handle = await open(dirname(at('x')), 'r');
      await handle.close();
      const handles = Object.getPrototypeOf(handle) as { writeFile: () => Promise<void> };
      const argv = ['keygen', '--alg', 'ES384', '--out', at('client')];
      for (const nth of [0, 1, 2]) {
        const write = stub(handles, 'writeFile');
        write.callThrough();
        write.onCall(nth).rejects(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
        try {
          const { exitCode, stdout, stderr } = await commandLine(argv);
          expect([exitCode, stdout, write.callCount]).to.deep.equal([3, '', nth + 1]);
          expect(stderr).to.include('cannot write').and.include('ENOSPC');
          expect(await readdir(dirname(at('x'))), String(nth)).to.deep.equal([]);
        } finally {
          restore();
        }
      }
      expect((await commandLine(argv)).exitCode).to.equal(0);
      expect(await readdir(dirname(at('x')))).to.have.length(3);
    });

    it('replaces nothing without --force, and writes nothing if any of the files exists', async () => {
      for (const name of ['client.private.pem', 'client.public.pem', 'client.jwks.json']) {
        await writeFile(at(name), 'precious');
        const { exitCode, stderr } = await commandLine(['keygen', '--alg', 'ES384', '--out', at('client')]);
        expect(exitCode).to.equal(3);
        expect(stderr).to.include(name).and.to.include('--force');
        expect(await readFile(at(name), 'utf8')).to.equal('precious');
        const { rm } = await import('node:fs/promises');
        await rm(at(name));
        expect(await readdir(dirname(at('x')))).to.deep.equal([]);
      }
    });

    it('with --force replaces a file of mode 644 by one of mode 600, and a link rather than what it points to', async () => {
      await writeFile(at('victim'), 'precious');
      await writeFile(at('client.private.pem'), 'old');
      await chmod(at('client.private.pem'), 0o644);
      await symlink(at('victim'), at('client.public.pem'));
      expect((await commandLine(['keygen', '--alg', 'ES384', '--out', at('client'), '--force'])).exitCode).to.equal(0);
      expect(await modeOf(at('client.private.pem'))).to.equal(0o600);
      expect(await readFile(at('victim'), 'utf8')).to.equal('precious');
      expect((await readdir(dirname(at('x')))).sort()).to.deep.equal([
        'client.jwks.json',
        'client.private.pem',
        'client.public.pem',
        'victim',
      ]);
    });

    it('does not write through a link that dangles', async () => {
      await symlink(at('elsewhere'), at('client.private.pem'));
      expect((await commandLine(['keygen', '--alg', 'ES384', '--out', at('client')])).exitCode).to.equal(3);
      expect(await readdir(dirname(at('x')))).to.deep.equal(['client.private.pem']);
    });

    it('prints JSON with --json, and names keys by the rule', async () => {
      const { stdout } = await commandLine([
        'keygen',
        '--alg',
        'ES384',
        '--kid',
        'pem-sha256',
        '--out',
        at('c'),
        '--json',
      ]);
      const result = JSON.parse(stdout) as { kid: string; alg: string; files: string[] };
      expect(result).to.include({ alg: 'ES384' });
      expect(result.kid).to.match(/^[\w-]{16}$/);
      expect(result.files).to.deep.equal([at('c.private.pem'), at('c.public.pem'), at('c.jwks.json')]);
    });

    it('C1: refuses an RSA key below 2048 bits', async () => {
      const { exitCode, stderr } = await commandLine(['keygen', '--bits', '1024', '--out', at('c')]);
      expect(exitCode).to.equal(3);
      expect(stderr).to.include('2048');
      expect((await commandLine(['keygen', '--out', at('missing/c'), '--alg', 'ES384'])).exitCode).to.equal(3);
    });
  });

  describe('jwks', () => {
    const write = async (name: string, text: string): Promise<string> => {
      await writeFile(at(name), text);
      return at(name);
    };

    it('sample: names the published key xprjIcx94sSj_opw by pem-sha256, and refuses it for being published', async () => {
      const file = await write('guide.pem', facadeGuide.publicPem);
      const { exitCode, stdout, stderr } = await commandLine(['jwks', file, '--kid', 'pem-sha256']);
      expect([exitCode, stdout]).to.deep.equal([3, '']);
      expect(stderr).to.include('published');
    });

    it('turns PEM, JWK and JWKS files into one set', async () => {
      const rsa = await rsaKey();
      const ec = await ecKey();
      const files = [
        await write('a.pem', rsa.publicPem.replaceAll('\n', '\r\n')),
        await write('b.json', JSON.stringify({ keys: [ec.publicJwk] })),
      ];
      const { exitCode, stdout } = await commandLine(['jwks', ...files]);
      expect(exitCode).to.equal(0);
      expect(JSON.parse(stdout)).to.deep.equal({ keys: [rsa.publicJwk, ec.publicJwk] });
      const piped = await commandLine(['jwks', '-', '--kid', 'pem-sha256', '--rename'], {
        stdin: JSON.stringify(ec.publicJwk),
      });
      expect((JSON.parse(piped.stdout) as { keys: { kid: string }[] }).keys[0]?.kid).to.match(/^[\w-]{16}$/);
    });

    it('C2: refuses private keys and duplicates, and prints no part of them', async () => {
      const rsa = await rsaKey();
      const pkcs1 = createPrivateKey(rsa.privatePem).export({ type: 'pkcs1', format: 'pem' }).toString();
      const cases = [
        rsa.privatePem,
        pkcs1,
        JSON.stringify(rsa.privateJwk),
        JSON.stringify({ keys: [rsa.publicJwk, rsa.publicJwk] }),
      ];
      for (const text of cases) {
        const { exitCode, stdout, stderr } = await commandLine(['jwks', await write('x', text)]);
        expect([exitCode, stdout]).to.deep.equal([3, '']);
        for (const secret of [pkcs1.split('\n')[3]!, rsa.privateJwk['d'] as string])
          expect(stderr).not.to.include(secret);
      }
      const { stdout } = await commandLine(['jwks', await write('x', pkcs1), '--from-private']);
      expect(JSON.parse(stdout)).to.deep.equal({ keys: [rsa.publicJwk] });
    });

    it('opens an encrypted key with the passphrase of the environment', async () => {
      const { privatePem, publicJwk } = await ecKey();
      const pem = createPrivateKey(privatePem)
        .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'pw' })
        .toString();
      const argv = ['jwks', await write('x', pem), '--from-private'];
      expect((await commandLine(argv)).exitCode).to.equal(3);
      const { stdout } = await commandLine(argv, { env: { SMART_KEY_PASSPHRASE: 'pw' } });
      expect(JSON.parse(stdout)).to.deep.equal({ keys: [publicJwk] });
    });

    it('writes to --out, once', async () => {
      const argv = ['jwks', await write('a.pem', (await ecKey()).publicPem), '--out', at('set.json')];
      expect(await commandLine(argv)).to.deep.include({ exitCode: 0, stdout: '' });
      expect(JSON.parse(await readFile(at('set.json'), 'utf8'))).to.deep.equal({ keys: [(await ecKey()).publicJwk] });
      expect((await commandLine(argv)).exitCode).to.equal(3);
      expect((await commandLine([...argv, '--force'])).exitCode).to.equal(0);
    });

    it('refuses what is no key, what is too large and what is not there', async () => {
      for (const file of [
        await write('x', 'hello'),
        await write('y', 'x'.repeat(1_100_000)),
        at('none'),
        dirname(at('x')),
      ]) {
        expect((await commandLine(['jwks', file])).exitCode, file).to.equal(3);
      }
      expect((await commandLine(['jwks', '-'], { stdin: 'x'.repeat(1_100_000) })).exitCode).to.equal(3);
    });
  });
});
