import { expect } from 'chai';
import { afterEach, describe, it } from 'mocha';
import { close, listen } from '../../docs/examples/fhir-works/listen.js';
import { portsFor } from '../../docs/examples/fhir-works/ports.js';
import { Walk } from '../../docs/examples/fhir-works/walk.js';
import { finish, freePortPair, killAll, run, said } from './example-process.js';

describe('The FHIR Works example', function () {
  this.timeout(60_000);
  afterEach(killAll);

  it('walks with --once, every step as said, and exits with 0', async () => {
    const { code, stdout, stderr } = await finish(run('main.ts', ['--once'], { PORT: '0' }));
    expect(stdout).to.match(/\nAll \d\d steps went as said\.\n/);
    expect(stderr).to.equal('');
    expect(code).to.equal(0);
    expect(stdout, 'a token in the output').not.to.match(/eyJ[\w-]+\.[\w-]+\./);
  });

  it('keeps serving, hands out tokens for experiments, and stops cleanly on SIGINT', async () => {
    const port = await freePortPair();
    const child = run('main.ts', [], { PORT: String(port) });
    const finished = finish(child);
    await said(child, 'Still serving');

    const scope = ['--patient', 'Patient/example', '--scope', 'patient/Observation.read'];
    const { stdout, code } = await finish(run('token.ts', ['Patient/example', ...scope], { PORT: String(port) }));
    expect(code).to.equal(0);
    const ask = (path: string) =>
      fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization: `Bearer ${stdout.trim()}` } });
    expect((await ask('/Observation/heart-rate')).status).to.equal(200);
    expect((await ask('/Observation/f001')).status).to.equal(401);

    child.kill('SIGINT');
    const ended = await finished;
    expect(ended.code).to.equal(0);
    expect(ended.stdout, 'its commands ask this example').to.include(`PORT=${port} npx tsx`);
  });

  it('says in one line that a port is taken', async () => {
    const port = await freePortPair();
    const { server } = await listen(port + 1, 'holder');
    const { code, stderr } = await finish(run('main.ts', ['--once'], { PORT: String(port) }));
    await close(server);
    expect(stderr).to.match(
      new RegExp(`^Port ${port + 1}, wanted for the authorization server, is taken\\. [^\\n]*PORT[^\\n]*\\n$`),
    );
    expect(code).to.equal(1);
  });

  it('takes PORT and the port above it, and nothing else for a PORT', () => {
    expect(portsFor('8080')).to.deep.equal({ fhir: 8080, authorization: 8081 });
    expect(portsFor('0')).to.deep.equal({ fhir: 0, authorization: 0 });
    for (const port of ['http', '-1', '65535', '3000.5', '', ' ', '1e3']) {
      expect(() => portsFor(port), port).to.throw(/^PORT must be a whole number from 0 to 65534/);
    }
  });

  it('notices a step that does not go as said', async () => {
    const { server, origin } = await listen(0, 'test');
    server.on('request', (_request, response) => response.end('{"resourceType":"Patient","id":"1"}'));
    const printed: string[] = [];
    const walk = new Walk(origin, (line) => printed.push(line));
    const step = { title: 'Read', why: 'It is open', path: '/Patient/1' };
    await walk.ask({ ...step, expect: '200 Patient/1' });
    expect(walk.succeeded).to.equal(true);
    await walk.ask({ ...step, expect: '401' });
    expect(walk.succeeded).to.equal(false);
    expect(walk.summary).to.equal('1 of 2 steps did not go as said.');
    expect(printed.join('\n')).to.include('actual    200 Patient/1   ✗ not as said');
    await close(server);
  });
});
