import { bodyWeight } from './bodies.js';
import { personToken, type Scene } from './scene.js';

export async function practitioner(scene: Scene): Promise<void> {
  const { walk } = scene;
  walk.section('Dr Adam Careful, a practitioner');
  const token = await personToken(scene, { person: 'Practitioner/example', scope: 'user/*.read user/Patient.write' });
  await walk.ask({
    title: 'Any patient',
    why: 'Practitioner is among the types that this server lets see everything within their scopes.',
    path: '/Patient/f001',
    token,
    expect: '200 Patient/f001',
  });
  await walk.ask({
    title: 'All observations',
    why: 'The 7 examples and the one that Peter added.',
    path: '/Observation',
    token,
    expect: '200 8 Observation',
  });
  await walk.ask({
    title: 'Correct a patient',
    why: 'user/Patient.write.',
    method: 'PUT',
    path: '/Patient/pat1',
    body: { resourceType: 'Patient', id: 'pat1', name: [{ family: 'Donald', given: ['Duck'] }], active: false },
    token,
    expect: '200 Patient/pat1',
  });
  await walk.ask({
    title: 'What it was before',
    why: 'History is reading, and it is judged version by version.',
    path: '/Patient/pat1/_history',
    token,
    expect: '200 2 versions',
  });
  await walk.ask({
    title: 'Correct an observation',
    why: 'He may write Patient only. An admin type widens whose records one sees, never what the scopes say.',
    method: 'PUT',
    path: '/Observation/f001',
    body: { ...bodyWeight('Patient/f001', 70), id: 'f001' },
    token,
    expect: '401',
  });
}

export async function practitionerInPatientContext(scene: Scene): Promise<void> {
  const { walk } = scene;
  walk.section('Dr Careful in an app that lists all patients, and opened the record of one');
  const token = await personToken(scene, {
    person: 'Practitioner/example',
    patient: 'Patient/example',
    scope: 'user/Patient.read patient/*.read',
  });
  await walk.ask({
    title: 'All patients, and with each the observations',
    why: 'Each scope stays with its own identity: user/ with the doctor, patient/ with Peter. 3 foreign observations are dropped.',
    path: '/Patient?_revinclude=Observation:subject',
    token,
    expect: '200 4 Patient, 5 Observation included',
  });
  await walk.ask({
    title: 'An observation of another patient',
    why: 'Being a practitioner does not widen the patient scope.',
    path: '/Observation/f001',
    token,
    expect: '401',
  });
}
