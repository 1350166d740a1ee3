// A browser app as its makers would write it with fhirclient: a page that starts the launch, and one to come back to.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import { close, listen } from '../authorization-server/running-server.js';

const FHIRCLIENT = readFileSync(createRequire(import.meta.url).resolve('fhirclient/build/fhir-client.min.js'));

export interface App {
  readonly origin: string;
  /** The page that starts a launch; where the EHR launches too, by `iss` and `launch` in its query. */
  readonly launchPage: string;
  readonly redirectUri: string;
  /** While it is true, the page to come back to does nothing: the answer stays in the address bar. */
  asleep: boolean;
  close(): Promise<void>;
}

/** What the app has to show, as JSON in the page. */
export interface Shown {
  readonly error?: string;
  readonly patient?: { readonly resourceType: string; readonly id: string };
  readonly patientId?: string | null;
  readonly fhirUser?: string | null;
  readonly idToken?: Readonly<Record<string, unknown>> | null;
  readonly scope?: string;
  /** Of what it went on to ask for: the ids that came, or the status of the refusal. */
  readonly asked?: Readonly<Record<string, readonly string[] | number>>;
}

/** @param asked Paths that the app asks for once it has launched, below the FHIR base. */
export async function startApp(clientId: string, asked: readonly string[]): Promise<App> {
  const http: Server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://app.example');
    if (pathname === '/fhir-client.js') {
      response.setHeader('content-type', 'text/javascript').end(FHIRCLIENT);
      return;
    }
    const arrival = app.asleep ? '' : arrivalScript(asked);
    const script = pathname === '/launch.html' ? launchScript(clientId, app.redirectUri) : arrival;
    if (pathname !== '/' && pathname !== '/launch.html') response.statusCode = 404;
    response.setHeader('content-type', 'text/html; charset=utf-8').end(page(script));
  });
  const origin = await listen(http);
  const app: App = {
    origin,
    launchPage: `${origin}/launch.html`,
    redirectUri: `${origin}/`,
    asleep: false,
    close: () => close(http),
  };
  return app;
}

function page(script: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>An app</title><link rel="icon" href="data:,">
<script src="/fhir-client.js"></script><script>
const show = (value) => { const shown = document.createElement('pre'); shown.textContent = JSON.stringify(value);
  document.body.append(shown); };
${script}</script></html>`;
}

/** `scope`, `iss` and `pkce` of the query are the test's. Without `iss` nothing is launched. */
function launchScript(clientId: string, redirectUri: string): string {
  return `
addEventListener('DOMContentLoaded', () => {
  const query = new URLSearchParams(location.search);
  FHIR.oauth2.authorize({
    clientId: ${JSON.stringify(clientId)}, redirectUri: ${JSON.stringify(redirectUri)},
    scope: query.get('scope'), iss: query.get('iss'), pkceMode: query.get('pkce') ?? 'required',
  }).catch((error) => show({ error: String(error.message) }));
});`;
}

function arrivalScript(asked: readonly string[]): string {
  return `
addEventListener('DOMContentLoaded', async () => {
  try {
    const client = await FHIR.oauth2.ready();
    const asked = {};
    for (const path of ${JSON.stringify(asked)}) {
      asked[path] = await client.request(path).then(
        (found) => (found.entry ?? [{ resource: found }]).map(({ resource }) => resource.resourceType + '/' + resource.id),
        (error) => error.statusCode ?? error.status ?? String(error.message),
      );
    }
    const patient = client.patient.id ? await client.patient.read() : undefined;
    show({
      patient, patientId: client.patient.id, fhirUser: client.getFhirUser(), idToken: client.getIdToken(),
      scope: client.state.tokenResponse.scope, asked,
    });
  } catch (error) {
    show({ error: String(error.message) });
  }
});`;
}
