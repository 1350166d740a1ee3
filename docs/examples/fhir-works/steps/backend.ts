import { bodyWeight } from './bodies.js';
import { backendToken, type Scene } from './scene.js';

export async function backend(scene: Scene): Promise<void> {
  const { walk } = scene;
  walk.section('A program without a user');
  const scope = 'system/Observation.read system/Patient.read';
  const token = await walk.getToken(
    {
      title: 'A token for the laboratory statistics',
      why: 'It signs an assertion with its private key. It asks for more than it has registered, and gets what it has.',
      shell: `curl -s ${scene.issuer}/token -d grant_type=client_credentials -d scope='${scope}' -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer -d client_assertion=$ASSERTION`,
      expect: 'system/Observation.read',
    },
    () => backendToken(scene, 'lab-statistics', scope),
  );
  await walk.ask({
    title: 'All weights',
    why: 'A system scope is not bound to a person: the one in the examples and the one that Peter added.',
    path: '/Observation?code=http://loinc.org|29463-7',
    token,
    expect: '200 2 Observation',
  });
  await walk.ask({
    title: 'Whose they are',
    why: 'system/Patient.read was asked for, but not granted.',
    path: '/Patient/example',
    token,
    expect: '401',
  });
  await walk.ask({
    title: 'Add an observation',
    why: 'Reading does not imply writing.',
    method: 'POST',
    path: '/Observation',
    body: bodyWeight('Patient/example', 1),
    token,
    expect: '401',
  });
}
