import { setTimeout as sleep } from 'node:timers/promises';
import { backend } from './steps/backend.js';
import { badTokens, expiredToken } from './steps/bad-tokens.js';
import { patient } from './steps/patient.js';
import { practitioner, practitionerInPatientContext } from './steps/practitioner.js';
import { relatedPerson } from './steps/related-person.js';
import { backendToken, type Scene } from './steps/scene.js';
import { withoutToken } from './steps/without-token.js';

/** What is asked of the server, in order, and what the answer must be. */
export async function tellStory(scene: Scene): Promise<void> {
  const shortLived = await backendToken(scene, 'lab-display', 'system/Observation.read');
  const expiry = sleep(1100);
  await withoutToken(scene);
  const peter = await patient(scene);
  await badTokens(scene, peter);
  await expiry;
  await expiredToken(scene, shortLived.accessToken);
  await practitioner(scene);
  await practitionerInPatientContext(scene);
  await relatedPerson(scene);
  await backend(scene);
}
