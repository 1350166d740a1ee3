import { OTHER_FHIR_SERVER } from '../clients.js';
import { personToken, type Scene } from './scene.js';

export async function badTokens(scene: Scene, peter: string, foreign: string): Promise<void> {
  const { walk } = scene;
  walk.section('Tokens that are not what they seem');
  await walk.ask({
    title: "Peter's token, changed to open another patient's record",
    why: 'The signature no longer fits the claims.',
    path: '/Patient/f001',
    tokenName: 'CHANGED_TOKEN',
    token: withClaims(peter, { launch_response_patient: 'Patient/f001' }),
    expect: '401',
  });
  await walk.ask({
    title: 'A token for another FHIR server',
    why: `Same issuer, same key, same scope, but its audience is ${OTHER_FHIR_SERVER}.`,
    path: '/Observation/f001',
    tokenName: 'FOREIGN_TOKEN',
    token: foreign,
    expect: '401',
  });
  const token = await personToken(scene, {
    person: 'Practitioner/example',
    scope: 'patient/*.read',
    expect: 'openid fhirUser',
  });
  await walk.ask({
    title: 'A patient scope asked for without a patient',
    why: 'Dr Careful opened no record, so there is nobody whom patient/*.read could be about, and it was not granted. Being a practitioner does not help.',
    path: '/Patient/example',
    token,
    expect: '401',
  });
}

export async function expiredToken({ walk }: Scene, token: string): Promise<void> {
  await walk.ask({
    title: 'A token from the beginning of this walk, good for one second',
    why: 'It has expired.',
    path: '/Observation/f001',
    token,
    tokenName: 'EXPIRED_TOKEN',
    expect: '401',
  });
}

/** The token with other claims under the old signature: what a forger without the key can do. */
function withClaims(token: string, claims: object): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const original = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
  const forged = Buffer.from(JSON.stringify({ ...original, ...claims })).toString('base64url');
  return [header, forged, signature].join('.');
}
