import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { LaunchInteraction } from '../../../src/backend-services/oidc-provider.js';

/** Who can sign in. The ids are those of the official example resources, so that every name has a record behind it. */
export const people: ReadonlyMap<string, string> = new Map([
  ['Patient/example', 'Peter Chalmers, patient'],
  ['Patient/f001', 'Pieter van de Heuvel, patient'],
  ['Practitioner/example', 'Dr Adam Careful, practitioner'],
  ['RelatedPerson/benedicte', 'Bénédicte du Marché, related to Peter Chalmers'],
]);

/** GET shows the form, POST signs in. There is no password: this page is for development on one's own machine. */
export async function answerLoginPage(
  request: IncomingMessage,
  response: ServerResponse,
  interaction: LaunchInteraction,
): Promise<void> {
  if (request.method !== 'POST') {
    response.setHeader('content-type', 'text/html; charset=utf-8').end(page(interaction.scopes.join(' ')));
    return;
  }
  const form = new URLSearchParams(await text(request));
  const person = form.get('person') ?? '';
  const patient = form.get('patient') ?? '';
  if (!people.has(person) || !mayOpen(person, patient)) {
    response
      .writeHead(400, { 'content-type': 'text/plain' })
      .end('This person cannot sign in with that patient in context.');
    return;
  }
  await interaction.complete({
    accountId: person,
    fhirUser: person,
    ...(patient !== '' && { patient: patient.slice('Patient/'.length) }),
  });
}

/** A patient opens only the own record; everybody else may pick any patient, or none. */
function mayOpen(person: string, patient: string): boolean {
  if (patient === '') return true;
  return (
    patient.startsWith('Patient/') && people.has(patient) && (!person.startsWith('Patient/') || person === patient)
  );
}

function page(scope: string): string {
  const options = [...people].map(([id, name]) => `<option value="${id}">${name}</option>`);
  const patients = options.filter((option) => option.includes('"Patient/'));
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in</title>
<style>body{font:1.1rem system-ui;max-width:34rem;margin:4rem auto}label{display:block;margin:1rem 0}</style>
<h1>Sign in (development)</h1>
<p>The app asks for: <code>${escape(scope)}</code></p>
<form method="post">
<label>You are <select name="person">${options.join('')}</select></label>
<label>Patient in context <select name="patient"><option value="">none</option>${patients.join('')}</select></label>
<button>Sign in and allow</button>
</form></html>`;
}

function escape(value: string): string {
  return value.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
