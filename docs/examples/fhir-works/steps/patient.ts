import { bodyWeight, bundle } from './bodies.js';
import { personToken, type Scene } from './scene.js';

export async function patient(scene: Scene): Promise<string> {
  const { walk } = scene;
  walk.section('Peter Chalmers, a patient, in an app that opened his record');
  const token = await personToken(scene, {
    person: 'Patient/example',
    patient: 'Patient/example',
    scope: 'patient/*.read patient/Observation.write',
  });
  await walk.ask({
    title: 'His own record',
    why: 'It is the patient in context himself.',
    path: '/Patient/example',
    token,
    expect: '200 Patient/example',
  });
  await walk.ask({
    title: 'His blood pressure',
    why: 'Observation.subject refers to him.',
    path: '/Observation/blood-pressure',
    token,
    expect: '200 Observation/blood-pressure',
  });
  await walk.ask({
    title: 'A questionnaire about him',
    why: 'QuestionnaireResponse.subject may refer to a resource of any type; it refers to him.',
    path: '/QuestionnaireResponse/gcs',
    token,
    expect: '200 QuestionnaireResponse/gcs',
  });
  await walk.ask({
    title: "Another patient's record",
    why: 'Nothing in it refers to Peter. (FHIR Works answers every refusal with 401.)',
    path: '/Patient/f001',
    token,
    expect: '401',
  });
  await walk.ask({
    title: "Another patient's glucose",
    why: 'It is about Patient/f001.',
    path: '/Observation/f001',
    token,
    expect: '401',
  });
  await walk.ask({
    title: 'All observations',
    why: 'The server holds 7. A search is not refused but narrowed: 4 are about Peter.',
    path: '/Observation',
    token,
    expect: '200 4 Observation',
  });
  await walk.ask({
    title: 'All observations of another patient',
    why: 'Asking for them by name opens nothing.',
    path: '/Observation?subject=Patient/f001',
    token,
    expect: '200 nothing',
  });
  await walk.ask({
    title: 'Add a measurement of his own',
    why: 'patient/Observation.write, and the scope rule of this server lets patients create.',
    method: 'POST',
    path: '/Observation',
    body: bodyWeight('Patient/example', 81),
    token,
    expect: '201 a new Observation',
  });
  await walk.ask({
    title: 'Add a measurement of somebody else',
    why: 'The new resource must be about Peter.',
    method: 'POST',
    path: '/Observation',
    body: bodyWeight('Patient/f001', 81),
    token,
    expect: '401',
  });
  await walk.ask({
    title: 'Correct a measurement of his own',
    why: 'It is about him before and after.',
    method: 'PUT',
    path: '/Observation/example',
    body: { ...bodyWeight('Patient/example', 80), id: 'example' },
    token,
    expect: '200 Observation/example',
  });
  await walk.ask({
    title: 'Take over a measurement of somebody else by writing himself into it',
    why: 'What is stored counts as well as what it shall become, and the stored one is about Patient/f001.',
    method: 'PUT',
    path: '/Observation/f002',
    body: { ...bodyWeight('Patient/example', 80), id: 'f002' },
    token,
    expect: '401',
  });
  await walk.ask({
    title: 'Add a diagnosis of his own',
    why: 'Reading opens all types, writing only Observation.',
    method: 'POST',
    path: '/Condition',
    body: { resourceType: 'Condition', subject: { reference: 'Patient/example' } },
    token,
    expect: '401',
  });
  await walk.ask({
    title: 'Delete a measurement of his own',
    why: 'patient/Observation.write would cover it, but the scope rule of this server lets patients not delete.',
    method: 'DELETE',
    path: '/Observation/body-height',
    token,
    expect: '401',
  });
  await walk.ask({
    title: 'Two reads in a batch, one of them foreign',
    why: 'The answer is filtered entry by entry.',
    method: 'POST',
    path: '/',
    body: bundle('batch', [
      { request: { method: 'GET', url: 'Observation/heart-rate' } },
      { request: { method: 'GET', url: 'Observation/f002' } },
    ]),
    token,
    expect: '200 [Observation/heart-rate: 200 OK] [Observation/f002: 403 Forbidden]',
  });
  await walk.ask({
    title: 'Two measurements in a transaction, one about somebody else',
    why: 'All or nothing: the foreign entry refuses the whole transaction.',
    method: 'POST',
    path: '/',
    body: bundle('transaction', [
      { resource: bodyWeight('Patient/example', 82), request: { method: 'POST', url: 'Observation' } },
      { resource: bodyWeight('Patient/f001', 82), request: { method: 'POST', url: 'Observation' } },
    ]),
    token,
    expect: '401',
  });
  await walk.ask({
    title: 'All observations once more',
    why: 'The 4 from before and the one he added: nothing of the transaction was stored.',
    path: '/Observation?patient=Patient/example',
    token,
    expect: '200 5 Observation',
  });
  return token;
}
