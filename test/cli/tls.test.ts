import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { ecKey } from '../backend-services/test-keys.js';
import { useDirectory } from './command-line.js';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const tlsFile = (name: string): string =>
  fileURLToPath(new URL(`../backend-services/data/tls/${name}`, import.meta.url));

/** In a process of its own, because a certificate authority is trusted from a process's start or not at all. */
describe('cli: over TLS', function () {
  this.timeout(60_000);
  const at = useDirectory();

  async function tokenFrom(
    options: ServerOptions,
    env: Record<string, string>,
  ): Promise<{ exitCode: number; stdout: string; stderr: string; port: number }> {
    const files = {
      key: readFileSync(tlsFile('localhost-key.pem')),
      cert: readFileSync(tlsFile('localhost-cert.pem')),
    };
    const server = createServer({ ...files, ...options }, ({ url }, response) => {
      const body =
        url === '/token'
          ? { access_token: 'a-token', token_type: 'Bearer', expires_in: 300, scope: 'a' }
          : { token_endpoint: '/token' };
      response.end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
    const { port } = server.address() as AddressInfo;
    await writeFile(at('key.pem'), (await ecKey()).privatePem, { mode: 0o600 });
    try {
      const argv = [
        'token',
        '--fhir',
        `https://localhost:${port}/r4`,
        '--client-id',
        'app',
        '--key',
        at('key.pem'),
        '--scope',
        'a',
        '--timeout',
        '20000',
      ];
      const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...argv], {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const [stdout, stderr, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
      if (options.maxVersion === 'TLSv1.1') await expectTls11(port);
      return { exitCode: exit[0] as number, stdout, stderr, port };
    } finally {
      server.close();
      server.closeAllConnections();
    }
  }

  /** The server does speak, to somebody who takes what it offers. */
  async function expectTls11(port: number): Promise<void> {
    const socket = connect({
      port,
      host: 'localhost',
      rejectUnauthorized: false,
      minVersion: 'TLSv1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    await once(socket, 'secureConnect');
    expect(socket.getProtocol()).to.equal('TLSv1.1');
    socket.destroy();
  }

  it('C13: takes a server whose certificate is trusted, and no other', async () => {
    const trusted = await tokenFrom({}, { NODE_EXTRA_CA_CERTS: tlsFile('localhost-cert.pem') });
    expect(trusted).to.include({ exitCode: 0, stdout: 'a-token\n' });
    const unknown = await tokenFrom({}, {});
    expect(unknown).to.include({ exitCode: 4, stdout: '' });
    expect(unknown.stderr).to.include('discovery');
  });

  it('C13: refuses TLS below 1.2', async () => {
    const old: ServerOptions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
    const outcome = await tokenFrom(old, { NODE_EXTRA_CA_CERTS: tlsFile('localhost-cert.pem') });
    expect(outcome).to.include({ exitCode: 4, stdout: '' });
  });
});
