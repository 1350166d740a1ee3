import { serveExplorer } from '../../../src/explorer/server.js';
import { showHostOutput } from './host-output.js';
import { startAuthorizationServer } from './authorization-server.js';
import { loadExamples, serveFhir, smartConfigOf } from './fhir-server.js';
import { close, listen } from './listen.js';
import { portsFor } from './ports.js';
import { tellStory } from './story.js';
import { printToStdout as print, Walk } from './walk.js';

const stopping = new AbortController();

try {
  await main(process.argv.slice(2));
} catch (error) {
  // Whoever stops in the middle of the walk has broken off its requests, which is no failure.
  if (!stopping.signal.aborted) fail(error);
}

function fail(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

async function main(flags: string[]): Promise<void> {
  const unknown = flags.find((flag) => flag !== '--once');
  if (unknown !== undefined) throw new Error(`Unknown argument ${unknown}. The only one is --once: walk, then exit.`);

  const ports = portsFor();
  const { server: fhirServer, origin: fhirBase } = await listen(ports.fhir, 'FHIR server');
  const clientsFile = process.env['SMART_CLIENTS'];
  const { server, issuer, smart, adminToken, ownClients } = await startAuthorizationServer(
    ports.authorization,
    fhirBase,
    { clientsFile, adminToken: process.env['SMART_ADMIN_TOKEN'] },
  );
  const walk = new Walk(fhirBase);
  const store = serveFhir(fhirServer, fhirBase, smart, (event) => {
    walk.note(event);
  });
  const stop = async (exitCode: number): Promise<never> => {
    stopping.abort();
    await Promise.all([close(fhirServer), close(server)]);
    process.exit(exitCode);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop(0));

  print(`FHIR R4 server        ${fhirBase}   (FHIR Works on AWS routing, guarded by SMARTHandler)`);
  print(`Authorization server  ${issuer}   (SMART profile of oidc-provider)`);
  if (clientsFile !== undefined) print(`Clients of your own   ${ownClients.join(', ') || 'none'}   (${clientsFile})`);
  print(`Loaded                ${loadExamples(store)} official HL7 example resources`);

  await tellStory({ walk, fhirBase, issuer, adminToken });
  print(`\n${walk.summary}`);
  if (flags.includes('--once')) await stop(walk.succeeded ? 0 : 1);

  showHostOutput();
  const explorer = await serveExplorer(
    { smart: smartConfigOf(smart, fhirBase), baseUrl: fhirBase, fhirVersion: '4.0.1' },
    { pages: new URL('../../../src/explorer/page/', import.meta.url), name: 'example server' },
  );
  stopping.signal.addEventListener('abort', () => void explorer.close());
  print(`\nDecision explorer     ${explorer.url}   (what each scope opens, and why)`);
  print(`\nStill serving ${fhirBase} and ${issuer}: get a token and try the commands above, or others. Ctrl-C stops.`);
}
